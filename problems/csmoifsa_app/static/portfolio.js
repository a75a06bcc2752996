"use strict";
// The table of classes of drivers, and the day of prices drawn as bars; all else of the form is assumptions.js.
(function () {
  const { D, T, $, fill } = Page;

  // ---- classes -------------------------------------------------------------------------------------------------------
  const body = $("rows") ? $("rows").tBodies[0] : null;
  const all = () => JSON.stringify([...body.rows].map(read));
  let saved = "";
  const names = D.columns.map((one) => one.key);
  const read = (row) => Object.fromEntries(names.map((name, k) => [name, row.cells[k].firstChild.value]));

  function renumber() {
    [...body.rows].forEach((row, n) => names.forEach((name, k) =>
      row.cells[k].firstChild.setAttribute("aria-label", `${fill(T.row, { n: n + 1 })}: ${T.class_names[name] || name}`)));
  }

  function button(text, act) {
    const one = document.createElement("button");
    one.type = "button";
    one.className = "quiet";
    one.textContent = text;
    one.addEventListener("click", act);
    return one;
  }

  function add(values, before) {
    const row = document.createElement("tr");
    D.columns.forEach((column) => {
      const input = document.createElement("input");
      input.value = values[column.key] || "";
      input.size = column.key === "name" || column.key === "window" ? 12 : 5;
      if (column.kind === "number") input.inputMode = "decimal";
      row.insertCell().append(input);
    });
    row.insertCell().append(
      button(T.copy_class, () => add({ ...read(row), name: "" }, row.nextSibling).cells[0].firstChild.focus()),
      button(T.remove_class, () => { row.remove(); renumber(); $("add").focus(); }),
    );
    body.insertBefore(row, before || null);
    renumber();
    return row;
  }

  // rows are saved together: what differs from the file is told, can be dropped, and is not left without a question
  function compare() {
    const same = all() === saved;
    $("drop-rows").hidden = same;
    if (same || !$("rows-told").textContent) $("rows-told").textContent = same ? "" : T.unsaved;
  }
  function fillRows(rows) {
    body.replaceChildren();
    rows.forEach((one) => add(one));
  }
  async function readCars(file) {
    $("rows-wrong").textContent = "";
    const form = new FormData();
    form.append("file", file);
    try {
      const { rows } = await ask(`/cases/${D.id}/cars`, form);
      fillRows(rows);
      const cars = rows.reduce((sum, one) => sum + Number(one.count), 0);
      $("rows-told").textContent = fill(T.cars_read, { n: rows.length, cars: Page.number(cars, 0), file: file.name });
      compare();
      $("classes").scrollIntoView();
    } catch (error) {
      $("rows-wrong").textContent = error.message;
    }
  }

  if (body) {
    fillRows(D.rows);
    saved = all();
    body.addEventListener("input", compare);
    $("rows").addEventListener("click", compare);
    $("drop-rows").addEventListener("click", () => { fillRows(D.rows); $("rows-wrong").textContent = ""; compare(); });
    addEventListener("beforeunload", (event) => all() !== saved && event.preventDefault());
    $("cars-file").addEventListener("change", () => $("cars-file").files.length && readCars($("cars-file").files[0]));
    for (const kind of ["dragenter", "dragover"]) $("cars").addEventListener(kind, (event) => event.preventDefault());
    $("cars").addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files.length) readCars(event.dataTransfer.files[0]);
    });
    $("save-cars").addEventListener("click", () => Page.save("classes.csv",
      [names, ...[...body.rows].map((row) => Object.values(read(row)))].map((row) => row.map(Page.quoted).join(",")).join("\n") + "\n", "text/csv"));
    $("add").addEventListener("click", () => { add({}).cells[0].firstChild.focus(); compare(); });
    $("save-rows").addEventListener("click", async () => {
      $("rows-wrong").textContent = "";
      try {
        await ask(`/cases/${D.id}/classes`, { rows: [...body.rows].map(read), version: app.version() });
        saved = all();
        location.reload();
      } catch (error) {
        $("rows-wrong").textContent = error.status === 409 ? T.text_changed : error.message;
      }
    });
  }

  // ---- prices --------------------------------------------------------------------------------------------------------
  const field = document.getElementById("f-market.day_ahead");
  const prices = field ? field.value.split(/[,\s]+/).filter(Boolean).map(Number) : [];
  if (prices.length < 2 || prices.length > 48 || prices.some((one) => !Number.isFinite(one))) return;
  $("draw").hidden = false;
  const low = Math.min(0, ...prices), high = 1.25 * Math.max(...prices, 1e-3), step = Number(((high - low) / 250).toPrecision(1));
  const clock = (k) => { const minutes = (k * 1440) / prices.length; return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`; };
  const bars = prices.map((price, k) => {
    const bar = document.createElement("label"), input = document.createElement("input"), fillBar = document.createElement("i"), text = document.createElement("span");
    Object.assign(input, { type: "range", min: String(low), max: String(high), step: String(step) });
    input.value = String(price);
    input.setAttribute("aria-label", fill(T.of_step, { from: clock(k), to: clock(k + 1) }));
    text.textContent = (k * 24) % prices.length === 0 && ((k * 24) / prices.length) % 3 === 0 ? clock(k).slice(0, 2) : "";
    bar.append(fillBar, input, text);
    input.addEventListener("input", () => set(k, Number(input.value)));
    input.addEventListener("change", save);
    $("bars").append(bar);
    return { input, fillBar };
  });
  const digits = Math.max(0, -Math.floor(Math.log10(step)));

  function set(k, value) {
    prices[k] = Number(Math.min(Math.max(value, low), high).toFixed(digits));
    bars[k].input.value = String(prices[k]);
    show(k);
  }
  function show(k) {
    bars[k].fillBar.style.height = `${(100 * (prices[k] - low)) / (high - low)}%`;
    bars[k].input.setAttribute("aria-valuetext", `${prices[k]} ${D.money}/kWh`);
    bars[k].input.title = `${clock(k)} ${prices[k]} ${D.money}/kWh`;
  }
  function save() {
    const text = prices.join(", ");
    if (text === field.value) return;
    field.value = text;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }
  prices.forEach((_, k) => show(k));

  // a drag over several steps draws them all
  let drawing = false;
  function drawn(event) {
    const box = $("bars").getBoundingClientRect(), plot = bars[0].fillBar.parentElement.getBoundingClientRect();
    const k = Math.min(Math.max(Math.floor(((event.clientX - box.left) / box.width) * prices.length), 0), prices.length - 1);
    const foot = bars[0].input.getBoundingClientRect();
    set(k, low + ((foot.bottom - event.clientY) / (foot.bottom - plot.top)) * (high - low));
  }
  $("bars").addEventListener("pointerdown", (event) => {
    drawing = true;
    $("bars").setPointerCapture(event.pointerId);
    event.preventDefault();
    drawn(event);
  });
  $("bars").addEventListener("pointermove", (event) => drawing && drawn(event));
  for (const end of ["pointerup", "pointercancel"]) $("bars").addEventListener(end, () => { if (drawing) save(); drawing = false; });
})();
