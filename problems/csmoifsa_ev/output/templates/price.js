"use strict";
// Linked views of one study. `state.selected` is the tariff shown, `state.kept` the rows that the ranges keep.
(function () {
  const { D, T, $, config, plain, word, number, signed, digits, cell, header, fillTable, fillImpact, fillList, addOption, save, quoted } = Page;
  const P = D.periods.length, PERIODS = Charts.periods(D); // from the dearest to the cheapest
  const VARIABLES = D.variables.map((name, v) =>
    Object.hasOwn(T.variables, name) ? T.variables[name] : `${v < P ? T.charge : T.discharge}, ${D.periods[v % P]}`);
  const state = { selected: D.offered, kept: D.tariffs.map(() => true), ready: false };
  const quantity = (name) => T.quantities[name].replace("{money}", D.money);
  const nameOf = (row) =>
    (D.names[row] || []).map((name) => T.names[name]).join(" / ") || T.tariff_number.replace("{n}", row + 1);
  const startRow = D.tariffs.findIndex((_, row) => (D.names[row] || []).includes("start"));
  const front = [...Array(D.n_front).keys()];

  // ---- the front -------------------------------------------------------------------------------------------------
  const sizes = () => front.map((k) => (k === state.selected ? 13 : D.names[k] ? 9 : 5));
  const colours = () => front.map((k) => (!state.kept[k] ? "#dddddd" : k === state.selected ? "#d55e00" : "#0b5fa5"));
  const symbols = () => front.map((k) => (k === state.selected ? "diamond" : D.names[k] ? "square" : "circle"));

  function drawFront() {
    const [a, b, c] = D.objectives;
    const hover = front.map((k) => plain(nameOf(k)));
    Plotly.newPlot("front", [{
      type: "scatter3d", mode: "markers", x: front.map((k) => D.figures[c][k]), y: front.map((k) => D.figures[b][k]),
      z: front.map((k) => D.figures[a][k]), text: hover, hovertemplate: "%{text}<extra></extra>",
      marker: { size: sizes(), color: colours(), symbol: symbols(), opacity: 1 },
    }], {
      margin: { l: 0, r: 0, t: 0, b: 0 },
      scene: { xaxis: { title: { text: plain(quantity(c)) } }, yaxis: { title: { text: plain(quantity(b)) } },
               zaxis: { title: { text: plain(quantity(a)) } }, camera: { eye: { x: 1.75, y: 1.75, z: 0.9 } } },
    }, config);
    for (const [id, chosen] of [["across", c], ["upward", b]]) {
      Object.keys(D.figures).forEach((name) => addOption($(id), name, quantity(name)));
      $(id).value = chosen;
      $(id).addEventListener("change", drawTradeoff);
    }
    drawTradeoff();
    for (const id of ["front", "tradeoff"]) $(id).on("plotly_click", (event) => select(event.points[0].pointNumber));
  }

  function drawTradeoff() {
    const across = $("across").value, upward = $("upward").value;
    Plotly.react("tradeoff", [{
      type: "scatter", mode: "markers", x: front.map((k) => D.figures[across][k]), y: front.map((k) => D.figures[upward][k]),
      text: front.map((k) => plain(nameOf(k))), hovertemplate: "%{text}<extra></extra>",
      marker: { size: sizes(), color: colours(), symbol: symbols(), line: { color: "#000000", width: 1 } },
    }], {
      margin: { l: 70, r: 10, t: 10, b: 45 }, xaxis: { title: { text: plain(quantity(across)) } },
      yaxis: { title: { text: plain(quantity(upward)) } }, hovermode: "closest",
    }, config);
  }

  function markFront() {
    const marks = { "marker.size": [sizes()], "marker.color": [colours()], "marker.symbol": [symbols()] };
    Plotly.restyle("front", marks);
    Plotly.restyle("tradeoff", marks);
  }

  // ---- parallel coordinates with ranges ----------------------------------------------------------------------------
  // a profit that a limit holds at 0 is some digits off it
  const clean = (values) => values.map((one) => (Math.abs(one) < 1e-6 * Math.max(...values.map(Math.abs)) ? 0 : one));
  const axes = () => [
    ...VARIABLES.slice(0, P + 1).map((label, v) => ({ label, tickformat: ",.4~r", values: front.map((k) => D.tariffs[k][v]) })),
    ...["g1_mw", ...D.objectives].map((name) => ({ label: plain(quantity(name)), tickformat: ",.5~r", values: clean(front.map((k) => D.figures[name][k])) })),
  ];

  function drawParallel() {
    Plotly.newPlot("parallel", [{
      type: "parcoords", dimensions: axes(), labelfont: { size: 11 }, labelangle: -15,
      line: { color: front.map((k) => (k === state.selected ? 1 : 0)), colorscale: [[0, "#7f9fbf"], [1, "#d55e00"]], cmin: 0, cmax: 1 },
    }], { margin: { l: 70, r: 90, t: 80, b: 20 } }, config);
    $("parallel").on("plotly_restyle", keep);
  }

  function keep() {
    const dimensions = $("parallel").data[0].dimensions;
    front.forEach((k) => {
      state.kept[k] = dimensions.every((one) => {
        if (!one.constraintrange) return true;
        const ranges = Array.isArray(one.constraintrange[0]) ? one.constraintrange : [one.constraintrange];
        return ranges.some(([low, high]) => one.values[k] >= low && one.values[k] <= high);
      });
    });
    const n = front.filter((k) => state.kept[k]).length;
    $("kept").textContent = n === D.n_front ? "" : `${n} / ${D.n_front} ${T.kept}`;
    markFront();
  }

  function release() {
    drawParallel();
    state.kept.fill(true);
    $("kept").textContent = "";
    markFront();
  }

  // ---- one tariff ----------------------------------------------------------------------------------------------------
  const drawClock = () => Charts.clock("clock", D, state.selected, state.selected === startRow);
  const drawDay = () => Charts.day("day", D, state.selected, startRow);

  function fillFirm() {
    $("bands_help").textContent = T.robustness_help.replace("{draws}", D.draws);
    fillTable($("bands"), ["", "5 %", "50 %", "95 %", T.improves_in], D.robustness.map((one) =>
      [quantity(one.quantity), ...[one.p5, one.p50, one.p95].map((value) => signed(value, digits(value))), `${number(100 * one.better_share, 0)} %`]), 1);
    if (D.notes.length || D.days > 1) {
      $("notes").hidden = false;
      const notes = D.days > 1 ? [T.mean_of_days.replace("{n}", D.days), ...D.notes] : D.notes;
      fillList($("notes").querySelector("ul"), notes);
    }
  }

  function drawTornado() {
    const rows = [...D.tornado].reverse();
    const labels = rows.map((one) => plain(`${word(one.assumption)}, ${one.own_range ? T.own_range : `±${number(one.spread_percent, 0)} %`}`));
    const bars = [["low", "#56b4e9", ""], ["high", "#e69f00", "/"]].map(([end, color, shape]) => ({
      type: "bar", orientation: "h", y: labels, name: T[end], base: rows.map((one) => one.saving_per_day),
      x: rows.map((one) => one[`saving_per_day_${end}`] - one.saving_per_day), marker: { color, pattern: { shape }, line: { color: "#000000", width: 0.5 } },
      customdata: rows.map((one) => number(one[`saving_per_day_${end}`], 0)), hovertemplate: "%{customdata}<extra></extra>",
    }));
    Plotly.newPlot("tornado", bars, {
      margin: { l: 10, r: 10, t: 10, b: 45 }, barmode: "overlay", yaxis: { automargin: true, tickfont: { size: 11 } },
      xaxis: { title: { text: plain(quantity("saving_per_day")) } }, legend: { orientation: "h", y: -0.2 },
    }, config);
  }

  function fillHeld() {
    const found = D.robust;
    if (!found) return;
    const percent = (share) => `${number(100 * share, 1)} %`, place = $("holds");
    const kinds = { score: (v) => number(v, 3), money: (v) => number(v, 0), mw: (v) => number(v, 0), share: percent };
    place.hidden = false;
    place.querySelector("p").textContent = T.holds_help.replaceAll("{draws}", found.draws).replace("{rule}", T.robust_rules[found.rule]);
    const body = header($("held"), ["", ...found.held_out.map((one) => T.names[one.tariff])], 1);
    for (const [name, label, kind] of T.held) {
      if (found.held_out[0][name] === null) continue;
      const row = body.insertRow();
      cell(row, label.replace("{money}", D.money).replace("{tail}", percent(found.tail)));
      for (const one of found.held_out) cell(row, kinds[kind](one[name]), "td", true);
    }
    fillList(place.querySelector("ul"), found.promises.map((one) => T.promise
      .replace("{promise}", one.promise).replace("{tariff}", T.names[one.tariff]).replace("{chosen}", percent(one.in_choice))
      .replace("{held}", percent(one.held_out)).replace("{low}", percent(one.held_out_low)).replace("{high}", percent(one.held_out_high))));
  }

  function fillNearly() {
    $("rule").textContent = (D.robust ? T.chosen_nominal : "") + T.chosen_help.replace("{tolerance}", D.choice.tolerance).replace("{rule}", T.rules[D.choice.rule]);
    const row = state.selected, body = header($("nearly"), ["", T.lowest, T.highest, T.shown], 1);
    for (const [name, [low, high]] of Object.entries(D.choice.nearly_equal)) {
      const v = D.variables.indexOf(name);
      const line = body.insertRow();
      cell(line, v < 0 ? quantity(name) : `${VARIABLES[v]} [${D.unit}]`);
      const shown = v < 0 ? D.figures[name][row] : D.tariffs[row][v];
      for (const value of [low, high, shown]) cell(line, number(value, v < 0 ? 0 : D.price_digits), "td", true);
    }
  }

  function fillHours() {
    const found = D.hours_chosen;
    if (!found) return;
    $("hours").hidden = false;
    const score = (value) => (value === null ? "" : number(value, 3)), amount = (value) => (value === null ? "" : number(value, digits(value)));
    $("hours").querySelector("p").textContent = Page.fill(T.hours_help, { tried: found.tried, near: found.nearly_equal, tolerance: found.tolerance });
    const figures = ["g2_mw", "saving_per_day", "satisfaction", "operator_profit_per_day", "driver_bill_per_day"];
    const marks = (one) => ["chosen", "in_force"].filter((name) => one[name]).map((name) => T.hours_marks[name]).join(", ") || (one.nearly_equal ? T.hours_marks.nearly_equal : "");
    const shown = found.rows.filter((one, k) => k < 20 || one.in_force);
    fillTable($("hours_table"), [...PERIODS, "", T.hours_score, ...figures.map(quantity)], shown.map((one) =>
      [...D.periods.map((name) => one[`hours_${name}`]), marks(one), score(one.score), ...figures.map((name) => amount(one[name]))]), P + 1);
  }

  function fillV2g() {
    const row = state.selected, v = (name) => number(D.v2g[name][row], 0);
    $("v2g").textContent = D.v2g.discharged_mwh[row] <= 0 ? T.v2g_none : T.v2g
      .replace("{mwh}", number(D.v2g.discharged_mwh[row], 1)).replace("{avoided}", v("supply_avoided")).replace("{fees}", v("fees"))
      .replace("{wear}", v("wear")).replace("{drivers}", v("drivers_gain")).replace("{operator}", v("operator_gain"))
      .replaceAll("{money}", D.money);
  }

  function select(row) {
    state.selected = row;
    $("choice").value = String(row);
    if (row < D.n_front) $("slider").value = String(row);
    const x = D.tariffs[row];
    $("summary").textContent =
      `${nameOf(row)}: ${T.charge} ${PERIODS.map((name, p) => `${name} ${number(x[p], D.price_digits)}`).join(", ")} ${D.unit}; ` +
      `${T.discharge} ${PERIODS[0]} ${D.discharging[row][0] ? number(x[P], D.price_digits) : T.none}. ` +
      ["g1_mw", ...D.objectives].map((name) => `${quantity(name)} ${number(D.figures[name][row], digits(D.figures[name][row]))}`).join("; ");
    markFront();
    Plotly.restyle("parallel", { "line.color": [front.map((k) => (k === row ? 1 : 0))] });
    drawClock();
    drawDay();
    fillNearly();
    fillV2g();
    fillImpact($("impact"), D.impact[row]);
  }

  // ---- taking a tariff along -------------------------------------------------------------------------------------------
  function tariffCsv() {
    const lines = ["price,hours,unit,value"];
    D.variables.forEach((name, v) => {
      lines.push([name, quoted(D.windows[D.periods[v % P]].join(" and ")), quoted(D.unit), D.tariffs[state.selected][v]].join(","));
    });
    return lines.join("\n") + "\n";
  }

  function tariffUrdb() {
    const x = D.tariffs[state.selected], discharging = D.discharging[state.selected];
    const document = JSON.parse(JSON.stringify(D.urdb));
    document.name = `${D.title}: ${nameOf(state.selected)}`;
    document.energyratestructure = D.periods.map((_, p) => {
      const tier = { unit: "kWh", rate: x[p] / D.per_currency };
      if (discharging[p]) tier.sell = x[P + p] / D.per_currency;
      return [tier];
    });
    return JSON.stringify(document, null, 2);
  }

  // ---- controls ----------------------------------------------------------------------------------------------------------
  D.tariffs.forEach((_, row) => addOption($("choice"), row, nameOf(row)));
  $("slider").max = String(D.n_front - 1);
  $("choice").addEventListener("change", (event) => select(Number(event.target.value)));
  $("slider").addEventListener("input", (event) => select(Number(event.target.value)));
  $("release").addEventListener("click", release);
  $("csv").addEventListener("click", () => save("tariff.csv", tariffCsv(), "text/csv"));
  $("urdb").addEventListener("click", () => save("tariff_urdb.json", tariffUrdb(), "application/json"));
  $("urdb").disabled = D.urdb === null;
  drawFront();
  drawParallel();
  fillFirm();
  drawTornado();
  fillTable($("inputs"), [T.key, T.value, T.where, T.source], D.inputs.map((one) => [one.key, one.value, T.origins[one.where] || one.where, one.source]), 9);
  fillHeld();
  fillHours();
  select(D.offered);
  state.ready = true;
  window.study = { state, select, tariffCsv, tariffUrdb };
})();
