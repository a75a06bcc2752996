"use strict";
// One day of the aggregator: its price with proof, load by class, stakeholder impact, contracts.
(function () {
  const { D, T, $, config, plain, fill, number, stepped, fillTable, fillImpact, addOption, save } = Page;
  const { BLUE, VERMILION, GREEN, planName, className, trimmed, money, unit, edges, hover, hourAxis, layout } = Aggregator;
  const S = D.summary, n = D.hours.length;
  const state = { against: D.baselines[0], ready: false };
  const values = {
    money: D.money, objective: money(S.objective), bound: money(S.upper_bound), guaranteed: S.guaranteed === null ? T.import_limit_exceeded : money(S.guaranteed), gap: trimmed(100 * S.gap, 4),
    margin: trimmed(S.margin, 6), binaries: S.binaries, seconds: number(S.seconds, 2), storage: money(S.storage),
  };

  function fillProof() {
    $("summary").textContent = fill(S.status === "proven" ? T.proven : T.not_proven, values);
    const broken = S.guaranteed === null, same = !broken && Math.abs(S.guaranteed - S.objective) <= 1e-6 * Math.max(1, Math.abs(S.objective));
    const ties = broken ? T.ties_import_limit : same ? (S.margin > 0 ? T.ties_margin : T.ties_none) : T.ties_less;
    $("how").textContent = [fill(T.solved, { n: A().length, steps: n }), fill(T.methods[S.method === "certificate" && S.binaries > 0 ? "certificate_with_binaries" : S.method], values), fill(ties, values)].join(" ");
    const facts = [
      [T.status, S.status === "proven" ? T.is_proven : T.is_not_proven],
      [unit(T.objective), money(S.objective)], [unit(T.upper_bound), money(S.upper_bound)], [`${T.gap} [%]`, trimmed(100 * S.gap, 6)],
      [unit(T.guaranteed), values.guaranteed], [unit(T.bills), money(S.bills)], [unit(T.procurement), money(S.procurement)],
      [unit(T.ev_margin), money(S.ev_margin)], ...(D.storage ? [[unit(T.storage_earns), money(S.storage)]] : []),
      [T.binaries, String(S.binaries)], [T.seconds, number(S.seconds, 2)], [unit(T.margin), trimmed(S.margin, 6)],
      [T.duality_gap, S.duality_gap.toExponential(1)],
      ...Object.entries(S.reference || {}).map(([name, one]) => [fill(T.reference, { name }), `${trimmed(one.value, 6)} (${one.difference.toExponential(1)})`]),
    ];
    fillTable($("facts"), [T.quantity, T.value], facts, 1);
  }
  const A = () => S.assumptions.classes.concat(S.v2g_followers ? S.assumptions.batteries : []);

  function drawPrice() {
    const x = edges(n), mean = D.price.price.reduce((a, b) => a + b, 0) / n;
    const line = (name, y, style, template) => ({
      type: "scatter", mode: "lines", x, y: stepped(y), name, customdata: hover(), line: { shape: "hv", ...style },
      hovertemplate: `%{customdata}: %{y:.4f}<extra>${name}</extra>`,
    });
    Plotly.react("price", [
      { ...line(T.lower_bound, D.price.lower, { width: 0, color: "#bbbbbb" }), showlegend: false },
      { ...line(T.allowed, D.price.upper, { width: 0, color: "#bbbbbb" }), fill: "tonexty", fillcolor: "#e4e4e4", hovertemplate: `%{customdata}: %{y:.4f}<extra>${T.upper_bound_price}</extra>` },
      line(T.day_ahead, D.price.day_ahead, { width: 1.8, dash: "dash", color: "#000000" }),
      line(T.charging_price, D.price.price, { width: 2.8, color: BLUE }),
      { type: "scatter", mode: "lines", x: [0, D.step_h * n], y: [mean, mean], name: `${T.mean}: ${trimmed(mean, 5)}`, hoverinfo: "skip", line: { width: 1.4, dash: "dot", color: VERMILION } },
    ], layout({ hovermode: "x", xaxis: hourAxis(0, D.step_h * n), yaxis: { title: { text: plain(`${T.price} [${D.money}/kWh]`) } } }), config);
  }

  function compare(name) {
    state.against = name;
    fillImpact($("impact"), S.stakeholder_impact.filter((one) => one.against === name));
  }

  // ---- contracts ---------------------------------------------------------------------------------------------------------
  function fillContracts() {
    const C = S.contracts;
    if (!C) return;
    $("contracts").hidden = false;
    const counted = C.program.match(/(\d+) (?:binaries|integers): (.*)$/);
    const program = counted ? fill(T.program_binaries, { n: counted[1], why: Page.word(counted[2]) }) : T.program_linear;
    $("contracts_text").textContent = fill(T.contracts_text, {
      money: D.money, surplus: money(C.surplus), smart: money(C.smart_cost), v2g: money(C.v2g_cost), owners: money(C.owner_gain),
      aggregator: money(C.aggregator_gain), wear: money(C.wear_paid), kwh: number(C.discharged_kwh, 1),
    }) + " " + program;
    Aggregator.drawStack("load_v2g", D.stacks["with V2G"]);
    const share = S.assumptions.owner_share, names = C.by_class.map((one) => one.class);
    const part = (name, factor, colour, pattern) => ({
      type: "bar", name, x: names.map(plain), y: C.by_class.map((one) => factor * one.surplus),
      hovertemplate: `%{x}<br>${name}: %{y:,.2f} ${plain(D.money)}<extra></extra>`,
      marker: { color: colour, line: { color: "#000000", width: 0.6 }, pattern: { shape: pattern, fgcolor: "#303030", bgcolor: colour, size: 7, solidity: 0.18 } },
    });
    Plotly.react("sharing", [part(T.to_owners, share, GREEN, "/"), part(T.to_aggregator, 1 - share, BLUE, "")],
      layout({
        barmode: "relative", legend: { orientation: "h", y: 1.12, font: { size: 11 } }, xaxis: { type: "category", automargin: true },
        yaxis: { title: { text: plain(unit(T.surplus_axis)) } },
      }), { ...config, displayModeBar: false });
    fillTable($("contracts_table"), [T.class, T.vehicles, unit(T.surplus), unit(T.owner_gain), T.discharged],
      C.by_class.map((one) => [one.class, trimmed(one.vehicles, 1), money(one.surplus), number(one.owner_gain_per_vehicle, 3), number(one.discharged_kwh, 1)]), 1);
    D.stays.forEach(addStay);
    if (D.stays_left_out) $("stays_note").textContent = fill(T.stays_left_out, { shown: D.stays.length, n: D.stays_left_out });
  }

  function fillReserve() {
    const R = S.reserve;
    if (!R) return;
    $("reserve").hidden = false;
    const days = R.simulated;
    $("reserve_text").textContent = fill(T.reserve_text, { gain: money(R.surplus_gain), gap: money(R.gap), money: D.money }) + " " + fill(T.reserve_days, {
      days: days.days, kwh: number(days.called_kwh, 0), cost: money(days.cost), penalty: money(days.penalty), money: D.money,
      missed: trimmed(100 * days.missed_share, 2), short: trimmed(days.short_kwh, 3),
    });
    fillTable($("reserve_table"), [T.product, T.direction, T.block, T.bids, unit(T.payment), unit(T.call_cost), T.injection],
      R.products.map((one) => [
        one.product, T.directions[one.direction], trimmed(one.block_h, 2), one.bids_mw.map((bid) => trimmed(bid, 2)).join(" · "),
        money(one.payment), money(one.call_cost), one.injection_allowed ? T.allowed_yes : T.allowed_no,
      ]), 1);
    Page.fillList($("reserve_sources"), R.products.filter((one) => one.source).map((one) => `${one.product}: ${one.source}`));
  }

  function addStay(one) {
    const figure = document.createElement("div"), title = document.createElement("h3"), place = document.createElement("div");
    title.textContent = one.class;
    place.className = "low";
    figure.append(title, place);
    $("soc").appendChild(figure);
    drawStay(place, one);
  }

  // state of energy within its band above, power below
  function drawStay(place, one) {
    const steps = one.charge_kw.length, x = [...Array(steps + 1).keys()].map((k) => one.begin_h + k * one.step_h);
    const end = x[steps], middle = x.slice(0, -1).map((h) => h + one.step_h / 2);
    const bar = (name, sign, power, colour, pattern) => ({
      type: "bar", name, x: middle, y: power.map((kw) => sign * kw), width: one.step_h * 0.85, yaxis: "y2", hovertemplate: `${name}: %{y:,.1f} kW<extra></extra>`,
      marker: { color: colour, line: { color: "#000000", width: 0.4 }, pattern: { shape: pattern, fgcolor: "#303030", bgcolor: colour, size: 6, solidity: 0.18 } },
    });
    Plotly.newPlot(place, [
      { type: "scatter", mode: "lines+markers", name: T.soe, x, y: one.soe_kwh, line: { color: BLUE, width: 2 }, marker: { size: 4 }, hovertemplate: "%{y:,.1f} kWh<extra></extra>" },
      { type: "scatter", mode: "markers", name: T.promised, x: [end], y: [one.departure_kwh], cliponaxis: false, marker: { symbol: "diamond-open", size: 11, color: "#000000" }, hovertemplate: `${T.promised}: %{y:,.1f} kWh<extra></extra>` },
      bar(T.charging, 1, one.charge_kw, GREEN, ""), bar(T.to_grid, -1, one.discharge_kw, VERMILION, "/"),
    ], layout({
      margin: { l: 56, r: 14, t: 30, b: 28 }, showlegend: false, barmode: "overlay", bargap: 0,
      xaxis: { ...hourAxis(one.begin_h, end), anchor: "y2", title: { text: "" } },
      yaxis: { domain: [0.42, 1], title: { text: "kWh" }, range: [0, 1.06 * one.capacity_kwh] }, yaxis2: { domain: [0, 0.34], title: { text: "kW" } },
      shapes: [{ type: "rect", xref: "paper", x0: 0, x1: 1, y0: one.floor_kwh, y1: one.capacity_kwh, fillcolor: "#e8e8e8", line: { width: 0 }, layer: "below" }],
    }), config);
  }

  function drawStorage() {
    if (!D.storage) return;
    $("own_storage").hidden = false;
    const own = S.assumptions.storage;
    drawStay($("storage"), {
      begin_h: 0, step_h: D.step_h, floor_kwh: 0, capacity_kwh: own.capacity_kwh, departure_kwh: own.initial_kwh,
      soe_kwh: [own.initial_kwh, ...D.storage.soe_kwh], charge_kw: D.storage.charge_kw, discharge_kw: D.storage.discharge_kw,
    });
  }

  // ---- the numbers ---------------------------------------------------------------------------------------------------------
  function fillNumbers() {
    const loads = D.load_v2g || D.load, names = Object.keys(loads);
    const heads = [T.hour, T.charging_price, T.day_ahead, T.lower_bound, T.upper_bound_price, ...names.map((name) => `${className(name)} [kW]`), `${T.total} [kW]`];
    fillTable($("table"), heads, D.hours.map((hour, k) => [
      hour, ...["price", "day_ahead", "lower", "upper"].map((name) => number(D.price[name][k], 4)),
      ...names.map((name) => number(loads[name][k], 1)), number(names.reduce((sum, name) => sum + loads[name][k], 0), 1),
    ]), 1);
  }
  const priceCsv = () => Aggregator.csv({ hours: D.hours, ...D.price });
  const loadCsv = () => Aggregator.csv({ hours: D.hours, ...(D.load_v2g || D.load) });

  D.baselines.forEach((name) => addOption($("against"), name, planName(name)));
  $("against").addEventListener("change", (event) => compare(event.target.value));
  $("csv_price").addEventListener("click", () => save("price.csv", priceCsv(), "text/csv"));
  $("csv_load").addEventListener("click", () => save("load.csv", loadCsv(), "text/csv"));
  fillProof();
  drawPrice();
  Aggregator.drawStack("load", D.stacks["stage one"]);
  compare(state.against);
  Aggregator.drawWaterfall("waterfall", S.plans);
  Aggregator.drawCurves("plans_load", D.plans_load);
  Aggregator.fillPlans($("plans"), S.plans);
  Aggregator.fillGrid(S);
  const note = [T.plans_note];
  const C = S.customers;
  if (C) note.push(fill(T.customers_kept, { cars: number(C.cars, 1), share: Aggregator.share(C.share), left: number(C.left, 1), mean: trimmed(C.mean_paid, 4), competitor: trimmed(C.competitor, 4), unit: `${D.money}/kWh` }));
  if (S.plans.some((one) => one.hours_outside_bounds > 0)) note.push(T.outside_note);
  const over = S.plans.filter((one) => one.import_excess_kw > 1e-6 * one.peak_kw);
  if (over.length) note.push(fill(T.above_import_limit, { names: over.map((one) => `${planName(one.plan)} (+${number(one.import_excess_kw, 0)} kW)`).join(", ") }));
  const R = S.price_rules;
  if (R.hours_above_real_time) note.push(fill(T.above_real_time, { n: trimmed(R.hours_above_real_time, 2), all: trimmed(R.hours_used, 2) }));
  if (R.hours_below_cost) note.push(fill(T.below_cost, { n: trimmed(R.hours_below_cost, 2), all: trimmed(R.hours_used, 2) }));
  if (D.storage) note.push(fill(T.storage_note, values));
  if (S.contracts_unused) note.push(T.contracts_unused);
  $("plans_note").textContent = note.join(" ");
  fillContracts();
  fillReserve();
  drawStorage();
  fillNumbers();
  Aggregator.fillAssumptions([S.v2g_followers ? T.followers_batteries : T.followers_charge, ...(S.contracts ? [T.contract_terms] : [])]);
  state.ready = true;
  window.study = { state, compare, priceCsv, loadCsv, copy: () => Aggregator.copyTable($("table")) };
})();
