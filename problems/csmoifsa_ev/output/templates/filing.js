"use strict";
// The chapters of a filing: cost to serve, alignment of prices, energy by period, and what to measure afterwards.
(function () {
  const { D, T, $, config, plain, fill, number, fillTable, fillList } = Page;
  const F = D.filing, PERIODS = Charts.periods(D);
  const units = { money: D.money, unit: D.unit };
  const period = (name) => (D.periods.includes(name) ? PERIODS[D.periods.indexOf(name)] : T.energy_rows[name]);
  // about three digits, whatever the size
  const short = (value) => {
    const size = Math.abs(value);
    return number(value, size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
  };
  const shown = (value, write = short) => (value === null ? "" : write(value));
  const signed = (value, write = short) => {
    const text = shown(value, write);
    return value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
  };
  const percent = (value) => `${number(100 * value, 1)}\u00a0%`;
  const points = (value) => fill(T.points, { value: number(100 * value, 1) });
  const range = (low, high, write = short) => fill(T.range, { low: write(low), high: write(high) });
  const within = (row, name, write, sign) => {
    const value = sign ? signed(row[name], write) : write(row[name]);
    const low = row[`${name}_p5`];
    return low == null || low === row[`${name}_p95`] ? value : `${value} (${range(low, row[`${name}_p95`], write)})`;
  };

  // ---- cost to serve ---------------------------------------------------------------------------------------------
  const LOOKS = { generation: ["#bdbdbd", ""], capacity: ["#56b4e9", "/"], network: ["#e69f00", "x"] };

  function drawCosts() {
    const traces = [];
    ["in_force", "offered"].forEach((tariff, k) => {
      const day = F.hours[tariff], axis = k ? "2" : "", x = D.hours.map((_, t) => (t + 0.5) * D.step_h);
      Object.keys(LOOKS).filter((name) => day[name]).forEach((name) => traces.push({
        type: "bar", name: T.components[name], legendgroup: name, showlegend: !k, x, y: day[name], xaxis: `x${axis}`, yaxis: `y${axis}`,
        marker: { color: LOOKS[name][0], pattern: { shape: LOOKS[name][1], size: 5 }, line: { color: "#444444", width: 0.5 } },
      }));
      const edges = D.hours.map((_, t) => t * D.step_h).concat([24]);
      traces.push({
        type: "scatter", mode: "lines", name: T.price_line, legendgroup: "price", showlegend: !k, x: edges, y: Page.stepped(day.charge_price),
        xaxis: `x${axis}`, yaxis: `y${axis}`, line: { shape: "hv", color: "#0b5fa5", width: 2.5 },
      });
    });
    const title = (text, x) => ({ text, showarrow: false, xref: "paper", yref: "paper", x, y: 1.12, xanchor: "center" });
    const hours = { title: { text: T.hour }, range: [0, 24], dtick: 4 };
    Plotly.newPlot("costs", traces, {
      margin: { l: 50, r: 10, t: 35, b: 60 }, barmode: "stack", bargap: 0, legend: { orientation: "h", y: -0.28 },
      xaxis: { ...hours, domain: [0, 0.48] }, xaxis2: { ...hours, domain: [0.52, 1] },
      yaxis: { title: { text: plain(fill(T.cost_axis, units)) }, rangemode: "tozero" }, yaxis2: { anchor: "x2", matches: "y", showticklabels: false },
      annotations: [title(T.tariff_kinds.in_force, 0.24), title(T.tariff_kinds.offered, 0.76)],
    }, config);
  }

  function fillCosts() {
    const thousand = (value) => shown(value, (one) => number(one / 1000, 0));
    fillTable($("cost_table"), T.cost_columns.map((text) => fill(text, units)), F.cost_to_serve.map((one) => [
      T.components[one.component], T.bases[one.basis] || one.basis, thousand(one.in_force), thousand(one.offered),
      signed(one.change, (value) => number(value / 1000, 0)), shown(one.in_force_per_kwh), shown(one.offered_per_kwh),
    ]), 2);
    const basis = Object.fromEntries(F.cost_to_serve.map((one) => [one.component, one.basis]));
    const missing = ["generation", "capacity", "network"].filter((name) => !/^filing|^grid.day_ahead/.test(basis[name]));
    if (!F.figures.some((one) => one.figure === "emissions")) missing.push("emissions");
    fillList($("to_give"), missing.map((name) => T.to_give[name]));
  }

  // ---- alignment -------------------------------------------------------------------------------------------------
  function fillAlignment() {
    const gap = Object.fromEntries(F.figures.map((one) => [one.figure, one]));
    $("alignment_help").textContent = fill(T.alignment_help, {
      ...units, mean_old: short(gap.mean_gap.in_force), mean_new: short(gap.mean_gap.offered),
      spread_old: short(gap.gap_spread.in_force), spread_new: short(gap.gap_spread.offered),
    });
    const variable = (name) => `${name.startsWith("discharge_") ? T.discharge : T.charge}, ${period(name.replace(/^(dis)?charge_/, ""))}`;
    fillTable($("alignment"), T.alignment_columns, F.alignment.map((one) => [variable(one.name),
      ...["in_force", "offered"].flatMap((which) => ["price", "cost", "cost_by_load", "gap"].map((name) =>
        (name === "gap" ? signed : shown)(one[`${which}_${name}`], (value) => number(value, 2)))),
    ]), 1);
  }

  // ---- energy, load factor, emissions ----------------------------------------------------------------------------
  function drawEnergy() {
    const rows = F.period_energy.filter((one) => one.unit === "MWh/day" && D.periods.includes(one.what));
    const looks = [["before", T.before_pricing, "#dddddd", ""], ["in_force", T.tariff_kinds.in_force, "#999999", "/"], ["offered", T.tariff_kinds.offered, "#0b5fa5", ""]];
    Plotly.newPlot("energy", looks.map(([which, name, color, shape]) => ({
      type: "bar", name, x: rows.map((one) => plain(period(one.what))), y: rows.map((one) => one[which]),
      marker: { color, pattern: { shape, size: 6 }, line: { color: "#444444", width: 0.5 } },
      error_y: which === "before" ? undefined : {
        type: "data", symmetric: false, array: rows.map((one) => one[`${which}_p95`] - one[which]), arrayminus: rows.map((one) => one[which] - one[`${which}_p5`]),
        color: "#222222", thickness: 1.2, width: 5,
      },
    })), {
      margin: { l: 60, r: 10, t: 10, b: 50 }, barmode: "group", yaxis: { title: { text: T.energy_axis }, rangemode: "tozero" }, legend: { orientation: "h", y: -0.15 },
    }, config);
  }

  function fillEnergy() {
    $("energy_help").textContent = fill(T.energy_help, { draws: D.draws });
    fillTable($("energy_table"), T.energy_columns, F.period_energy.map((one) => {
      const write = one.unit === "share" ? percent : short;
      const change = one.unit === "share" ? points : short;
      const label = one.unit === "share" ? fill(T.share_of, { period: period(one.what) }) : fill(T.mwh_of, { period: period(one.what) });
      return [label, write(one.before), within(one, "in_force", write), within(one, "offered", write), within(one, "change", change, true)];
    }), 1);
    const figures = F.figures.filter((one) => T.filing_figures[one.figure]);
    const three = (value) => (Math.abs(value) < 1 ? number(value, 3) : short(value));
    fillTable($("figure_table"), T.figure_columns, figures.map((one) =>
      [T.filing_figures[one.figure], within(one, "in_force", three), within(one, "offered", three), within(one, "change", three, true)]), 1);
  }

  // ---- measurement -----------------------------------------------------------------------------------------------
  function fillMeasurement() {
    const terms = { confidence: percent(F.terms.confidence), power: percent(F.terms.power), days: F.terms.days, repeats: F.terms.repeats };
    $("measure_help").textContent = fill(T.measure_help, terms) + (F.terms.repeats === null ? "" : " " + fill(T.measure_repeats, terms));
    const whole = (value) => number(value, 0);
    const cars = (low, high) => (low === null ? "" : low === high ? whole(low) : range(low, high, whole));
    fillTable($("measurement"), T.measure_columns, F.measurement.map((one) => {
      const share = one.unit === "share of charging", write = share ? points : short, spread = share ? percent : short;
      const label = share ? fill(T.measure_share, { period: period(one.figure) }) : one.unit === "MW" ? T.measure_peak : T.measure_peak_assumed;
      const sd = spread(one.sd_in_force) === spread(one.sd_offered) ? spread(one.sd_offered) : `${spread(one.sd_in_force)}; ${spread(one.sd_offered)}`;
      return [label, within(one, "effect", write, true), sd, shown(one.observations, whole), cars(one.cars_from, one.cars_to),
        shown(one.observations_smallest, whole), cars(one.cars_from_smallest, one.cars_to_smallest)];
    }), 1);
  }

  drawCosts();
  fillCosts();
  fillAlignment();
  drawEnergy();
  fillEnergy();
  fillMeasurement();
})();
