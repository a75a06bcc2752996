"use strict";
// What the aggregator's two pages share: waterfall, load curves, tables of plans and assumptions.
const Aggregator = (function () {
  const { D, T, $, config, plain, fill, number, stepped, fillTable, fillList } = Page;
  const S = D.summary, A = S.assumptions;
  const BLUE = "#0072b2", VERMILION = "#d55e00", GREEN = "#009e73", ORANGE = "#e69f00", SKY = "#56b4e9", GREY = "#8c8c8c";
  const COLOURS = [BLUE, ORANGE, GREEN, SKY, VERMILION, GREY, "#cc79a7", "#f0e442"];
  const PATTERNS = ["", "/", ".", "\\", "x", "+", "-", "|"];
  const CURVES = {
    "uncontrolled charging": { color: "#000000", dash: "dash", width: 1.5 },
    "flat price": { color: GREY, dash: "dot", width: 1.5 },
    "day-ahead price": { color: ORANGE, dash: "dash", width: 2 },
    "stage one": { color: BLUE, width: 3.5 },
    "with V2G": { color: VERMILION, width: 1.8 },
    "with direct load control": { color: VERMILION, width: 1.8 },
    "with reserve": { color: GREEN, width: 1.8 },
    "with rolling": { color: GREEN, dash: "dash", width: 2 },
    "perfect foresight": { color: SKY, dash: "dot", width: 2 },
  };
  const LAST = ["day-ahead price", "with rolling", "perfect foresight"]; // drawn on top of what they often equal
  const planName = (name) => T.plans[name] || name;
  const className = (name) => name.replace(/^(\d+) other classes$/, (_, n) => fill(T.other_classes, { n }));
  const share = (value) => `${number(100 * value, 0)} %`;
  const trimmed = (value, most) => value.toLocaleString("en", { maximumFractionDigits: most === undefined ? 4 : most });
  const signed = (value, n) => (value > 0 ? "+" : "") + number(value, n);
  const money = (value) => number(value, 2);
  const unit = (text) => text.replace("{money}", D.money);
  const edges = (n) => [...Array(n + 1).keys()].map((k) => D.begin_h + k * D.step_h);
  const hover = () => D.hours.concat([D.hours[D.hours.length - 1]]);

  function hourAxis(begin, end) {
    const ticks = [];
    const every = end - begin > 12 ? 3 : 2;
    for (let h = Math.ceil(begin / every) * every; h <= end + 1e-9; h += every) ticks.push(h);
    return { title: { text: T.hour }, range: [begin, end], tickvals: ticks, ticktext: ticks.map((h) => String(h > 24 ? h - 24 : h)), zeroline: false };
  }

  const layout = (more) => ({
    margin: { l: 64, r: 12, t: 32, b: 44 }, legend: { orientation: "h", y: -0.24, font: { size: 11 } }, hoverlabel: { namelength: -1 }, ...more,
  });

  // classes stacked; what goes to the grid lies below zero
  function drawStack(id, classes) {
    const n = D.hours.length;
    const traces = Object.entries(classes).map(([name, power], k) => ({
      type: "bar", name: plain(className(name)), x: edges(n).slice(0, -1).map((h) => h + D.step_h / 2), y: power, width: D.step_h,
      customdata: D.hours, hovertemplate: `${plain(className(name))}<br>%{customdata}: %{y:,.1f} kW<extra></extra>`,
      marker: { color: COLOURS[k % 8], line: { width: 0 }, pattern: { shape: PATTERNS[k % 8], fgcolor: "#303030", bgcolor: COLOURS[k % 8], size: 7, solidity: 0.18 } },
    }));
    Plotly.react(id, traces, layout({
      barmode: "relative", bargap: 0, showlegend: true, xaxis: hourAxis(D.begin_h, D.begin_h + n * D.step_h), yaxis: { title: { text: T.load } },
    }), config);
  }

  // what is compared stands on zero, each stage begins where the last one ended, perfect foresight is an outline
  function drawWaterfall(id, plans) {
    const still = { ...config, displayModeBar: false }, bars = [];
    let reached = 0;
    for (const one of plans) {
      const aside = D.baselines.includes(one.plan), foresight = one.plan === D.perfect_foresight;
      const base = aside ? 0 : reached, change = one.profit - base, name = planName(one.plan);
      const colour = aside ? "#c4c4c4" : foresight ? "#ffffff" : change >= 0 ? BLUE : VERMILION;
      bars.push({
        type: "bar", x: [name], y: [change], base: [base], width: 0.62, hoverinfo: "text",
        text: base === 0 ? number(one.profit, 1) : `${number(one.profit, 1)}<br>(${signed(change, 1)})`, textposition: "none",
        hovertext: `${plain(name)}: ${money(one.profit)} ${plain(D.money)}` + (base === 0 ? "" : ` (${signed(change, 2)})`),
        marker: { color: colour, line: { color: "#000000", width: 0.7 }, pattern: { shape: aside || change >= 0 ? "" : "/", fgcolor: "#303030", bgcolor: colour, size: 7, solidity: 0.2 } },
      });
      if (!aside && !foresight) reached = one.profit;
    }
    const ends = bars.map((one) => [one.base[0], one.base[0] + one.y[0]]);
    const low = Math.min(0, ...ends.flat()), high = Math.max(0, ...ends.flat()), room = 0.16 * (high - low || 1);
    Plotly.react(id, bars, layout({
      showlegend: false, barmode: "overlay", xaxis: { type: "category", tickangle: bars.length > 5 ? -35 : 0, automargin: true },
      yaxis: { title: { text: plain(unit(T.profit_axis)) }, range: [low - 0.5 * room, high + room], zeroline: true, zerolinecolor: "#000000" },
      annotations: bars.map((one, k) => ({ x: k, y: Math.max(...ends[k]), text: one.text, showarrow: false, yanchor: "bottom", font: { size: 11 } })),
    }), still);
  }

  function drawCurves(id, loads) {
    const n = D.hours.length;
    const names = Object.keys(loads).filter((name) => !LAST.includes(name)).concat(LAST.filter((name) => name in loads));
    Plotly.react(id, names.map((name) => ({
      type: "scatter", mode: "lines", x: edges(n), y: stepped(loads[name]), name: planName(name), customdata: hover(),
      line: { shape: "hv", ...CURVES[name] }, hovertemplate: `%{customdata}: %{y:,.0f} kW<extra>${plain(planName(name))}</extra>`,
    })), layout({
      showlegend: true, hovermode: "x", xaxis: hourAxis(D.begin_h, D.begin_h + n * D.step_h), yaxis: { title: { text: T.net_load }, zeroline: true },
    }), config);
  }

  function fillPlans(table, plans) {
    const outside = plans.some((one) => one.hours_outside_bounds !== undefined);
    const names = [T.plan, unit(T.profit), unit(T.drivers_pay), T.peak, T.valley, T.difference].concat(outside ? [T.outside] : []);
    fillTable(table, names, plans.map((one) => [
      planName(one.plan), money(one.profit), money(one.driver_cost), number(one.peak_kw, 0), number(one.valley_kw, 0), number(one.peak_valley_kw, 0),
    ].concat(outside ? [trimmed(one.hours_outside_bounds, 2)] : [])), 1);
  }

  // figures of the grid, and what both parties gain
  function fillGrid(one) {
    const alone = one.grid[0].plan !== D.base_alone, effect = one.grid_effect;
    fillTable($("grid"), [T.plan, T.peak, T.valley, T.difference, T.ramp, T.load_factor], one.grid.map((row) => [
      planName(row.plan), ...["peak_kw", "valley_kw", "peak_valley_kw", "ramp_kw_h"].map((key) => number(row[key], 0)),
      row.load_factor === null ? "–" : share(row.load_factor),
    ]), 1);
    $("grid_help").textContent = [
      alone ? T.grid_cars : T.grid_base,
      fill(T.gain_against, { plan: planName(one.gain.plan), aggregator: money(one.gain.aggregator), drivers: money(one.gain.drivers), money: D.money }),
      fill(effect.peak_shaved ? T.peak_shaved : T.peak_not_shaved, { kw: number(Math.abs(effect.peak_kw), 0) }),
      effect.valley_filled ? fill(T.valley_filled, { kw: number(effect.valley_kw, 0) }) : T.valley_not_filled,
    ].join(" ");
  }

  function over(name, value) {
    return value === null ? fill(T.varies, { what: T[name] }) : fill(T.ratio, { what: T[name], value: trimmed(value, 4) });
  }

  function fillAssumptions(more) {
    const lines = [
      fill(A.mean_sense === "==" ? T.mean_fixed : T.mean_at_most, { mean: trimmed(A.mean, 6), unit: `${D.money}/kWh` }),
      ...["lower", "upper", "buy", "sell"].map((name) => over(name, A[`${name}_over_day_ahead`])),
      ...(A.greatest_import_limit_kw === null ? [] : [fill(T.import_limit, { kw: number(A.greatest_import_limit_kw, 0) })]),
      ...(A.base_load_peak_kw === null ? [] : [fill(T.base_load, { kw: number(A.base_load_peak_kw, 0) })]),
      ...(A.demand_charge ? [fill(T.demand_charge, { price: trimmed(A.demand_charge, 4), unit: `${D.money}/kW` })] : []),
      ...(A.supply_blocks ? [fill(T.blocks, { n: A.supply_blocks })] : []),
      ...(A.storage ? [fill(T.storage_of, { power: number(A.storage.power_kw, 0), capacity: number(A.storage.capacity_kwh, 0), initial: number(A.storage.initial_kwh, 0), efficiency: trimmed(A.storage.efficiency) })] : []),
      ...(A.batteries && !S.v2g_followers ? [fill(T.owner_share, { share: share(A.owner_share) })] : []),
      ...more,
    ];
    fillList($("assumptions"), lines);
    fillTable($("classes"), [T.class, T.plugged, T.vehicles, T.energy, T.power, T.v2g_share], A.classes.map((one) => [
      one.class, one.plugged_in.join(", "), trimmed(one.vehicles, 1), number(one.energy_kwh, 2), trimmed(one.power_kw, 2), share(one.v2g_share),
    ]), 2);
    if (A.batteries) {
      $("under_contract").hidden = false;
      fillTable($("batteries"), [T.class, T.plugged, T.vehicles, T.battery_power, T.capacity, T.energies, T.efficiency, unit(T.wear)], A.batteries.map((one) => [
        one.class, one.plugged_in.join(", "), trimmed(one.vehicles, 1), `${trimmed(one.charge_kw, 2)} / ${trimmed(one.discharge_kw, 2)}`, trimmed(one.capacity_kwh, 1),
        [one.arrival_kwh, one.floor_kwh, one.departure_kwh].map((value) => trimmed(value, 1)).join(" / "), trimmed(one.efficiency, 3), trimmed(one.wear, 4),
      ]), 2);
    }
  }

  // ---- tables to take along ----------------------------------------------------------------------------------------------
  const csv = (columns) => {
    const names = Object.keys(columns);
    const lines = columns[names[0]].map((_, k) => names.map((name) => (typeof columns[name][k] === "string" ? Page.quoted(columns[name][k]) : columns[name][k])).join(","));
    return [names.map(Page.quoted).join(","), ...lines].join("\n") + "\n";
  };

  // tab-separated, as spreadsheets take it from the clipboard
  async function copyTable(table) {
    const text = [...table.rows].map((row) => [...row.cells].map((one) => one.textContent).join("\t")).join("\n");
    let done = false;
    try {
      await navigator.clipboard.writeText(text);
      done = true;
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.appendChild(area);
      area.select();
      done = document.execCommand("copy");
      area.remove();
    }
    $("copied").textContent = done ? T.copied : T.not_copied;
    return text;
  }
  $("copy").addEventListener("click", () => copyTable($("table")));

  return { BLUE, VERMILION, GREEN, ORANGE, GREY, planName, className, share, trimmed, signed, money, unit, edges, hover, hourAxis, layout, drawStack, drawWaterfall, drawCurves, fillPlans, fillGrid, fillAssumptions, csv, copyTable };
})();
