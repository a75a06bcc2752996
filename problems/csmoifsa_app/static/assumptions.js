"use strict";
// The form of a scenario: a change is sent when a field is left, its fault stands beside it, the text follows. Changes of
// other tabs and programs are taken over when this page is looked at again; what would overwrite them is not sent.
(function () {
  const { D, T, $, fill, fillList } = Page;
  const fields = [...document.querySelectorAll(".field")];
  const state = { saved: $("text").value, version: D.version };
  const shownBy = (field) => field.querySelector("input, select, .row button");
  const known = new Map(fields.map((field) => [field.dataset.key, shownBy(field).value])); // as the file has it

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
    const input = shownBy(field);
    if (sentence) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  // take over what the server holds; fields and text that the user is changing stay
  function take(found, but) {
    for (const field of fields) {
      const [value, changed] = found.form[field.dataset.key] || ["", false], input = shownBy(field);
      if (input !== but && input.type !== "submit" && (input.value === known.get(field.dataset.key) || input !== document.activeElement)) input.value = value;
      known.set(field.dataset.key, value);
      field.classList.toggle("changed", changed);
      field.querySelector(".reset").hidden = !changed;
    }
    if ($("text").value === state.saved) $("text").value = found.text;
    if ($("text").value === found.text) state.version = found.version;
    state.saved = found.text;
    showFaults(found.faults);
  }

  async function send(field, value) {
    wrong(field, "");
    try {
      const found = await ask(`/studies/${D.id}/assumptions`, { key: field.dataset.key, value, was: known.get(field.dataset.key) });
      shownBy(field).value = found.field.value;
      take(found);
      $("told").textContent = T.saved;
      if ($("undo")) $("undo").hidden = false;
    } catch (error) {
      $("told").textContent = T.not_saved;
      if (error.status !== 409) return wrong(field, error.message);
      take(await ask(`/studies/${D.id}/form`), shownBy(field));
      wrong(field, fill(T.changed_elsewhere, { value: known.get(field.dataset.key) || "–" }));
    }
  }

  // what other tabs have changed meanwhile
  async function follow() {
    if (document.hidden) return;
    try {
      const found = await ask(`/studies/${D.id}/form`);
      if (found.text === state.saved) return;
      take(found);
      $("told").textContent = T.followed;
    } catch (error) {
      $("told").textContent = error.message;
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
    const input = shownBy(field);
    input.addEventListener("change", () => input.readOnly || send(field, input.value)); // a button adds a part instead
    field.querySelector(".reset").addEventListener("click", () => send(field, null));
  }
  $("form").addEventListener("submit", (event) => event.preventDefault());
  $("find").addEventListener("input", filter);
  $("only").addEventListener("change", filter);
  async function saveText(version) {
    $("text-wrong").textContent = "";
    try {
      await ask(`/studies/${D.id}/text`, { text: $("text").value, version });
      state.saved = $("text").value;
      location.reload();
    } catch (error) {
      $("text-wrong").textContent = error.status === 409 ? T.text_changed : error.message;
      $("conflict").hidden = error.status !== 409;
    }
  }
  $("save").addEventListener("click", () => saveText(state.version));
  $("mine").addEventListener("click", () => saveText());
  $("theirs").addEventListener("click", () => {
    state.saved = $("text").value;
    location.reload();
  });
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named instanceof HTMLDetailsElement) {
    named.open = true;
    named.scrollIntoView();
  }
  addEventListener("focus", follow);
  document.addEventListener("visibilitychange", follow);
  addEventListener("beforeunload", (event) => $("text").value !== state.saved && event.preventDefault());
  showFaults(D.faults);
  window.app = { ready: true, follow, version: () => state.version };
})();
