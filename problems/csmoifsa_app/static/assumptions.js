"use strict";
// The form of a scenario: a change is sent when a field is left, its fault stands beside it, the text follows.
(function () {
  const { D, T, $, fillList } = Page;
  const fields = [...document.querySelectorAll(".field")];
  const state = { saved: $("text").value };

  function showFaults(faults) {
    $("faults").hidden = faults.length === 0;
    fillList($("faults").querySelector("ul"), faults);
    for (const field of fields) {
      const key = field.dataset.key, own = faults.filter((one) => one.startsWith(`${key} `) || one.startsWith(`${key}:`) || one.startsWith(`${key}.`));
      if (own.length) wrong(field, own.join(" "));
    }
  }

  function wrong(field, sentence) {
    field.querySelector(".wrong").textContent = sentence;
    const input = field.querySelector("input, select");
    if (sentence) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  async function send(field, value) {
    const input = field.querySelector("input, select");
    wrong(field, "");
    try {
      const found = await ask(`/studies/${D.id}/assumptions`, { key: field.dataset.key, value });
      input.value = found.field.value;
      field.classList.toggle("changed", found.field.changed);
      field.querySelector(".reset").hidden = !found.field.changed;
      $("text").value = state.saved = found.text;
      showFaults(found.faults);
      $("told").textContent = T.saved;
    } catch (error) {
      wrong(field, error.message);
      $("told").textContent = T.not_saved;
    }
  }

  function filter() {
    const words = $("find").value.toLowerCase().split(/\s+/);
    for (const field of fields) {
      const text = `${field.dataset.key} ${field.textContent}`.toLowerCase();
      field.hidden = !words.every((word) => text.includes(word)) || ($("only").checked && !field.classList.contains("changed"));
    }
    document.querySelectorAll("#form details").forEach((one) => {
      const shown = [...one.querySelectorAll(".field")].some((field) => !field.hidden);
      one.hidden = !shown;
      if (shown && ($("find").value || $("only").checked)) one.open = true;
    });
  }

  for (const field of fields) {
    const input = field.querySelector("input, select");
    input.addEventListener("change", () => input.readOnly || send(field, input.value));
    field.querySelector(".reset").addEventListener("click", () => send(field, null));
  }
  $("form").addEventListener("submit", (event) => event.preventDefault());
  $("find").addEventListener("input", filter);
  $("only").addEventListener("change", filter);
  $("save").addEventListener("click", async () => {
    $("text-wrong").textContent = "";
    try {
      await ask(`/studies/${D.id}/text`, { text: $("text").value });
      state.saved = $("text").value;
      location.reload();
    } catch (error) {
      $("text-wrong").textContent = error.message;
    }
  });
  addEventListener("beforeunload", (event) => $("text").value !== state.saved && event.preventDefault());
  showFaults(D.faults);
  window.app = { ready: true };
})();
