"use strict";
// Rolling dispatch over many days: what it gains at each node, and what that depends on. `state.node` is the one shown.
(function () {
  const { D, T, $, config, plain, fill, number, fillTable, fillList, addOption, save } = Page;
  const { BLUE, VERMILION, trimmed, money, unit, layout } = Aggregator;
  const S = D.summary;
  const state = { node: 0, ready: false };
  const percent = (value, digits) => (value === null ? "–" : number(100 * value, digits || 0));
  const interval = (one) => (one.rho === null ? "–" : `[${percent(one.rho_low)}, ${percent(one.rho_high)}]`);

  function drawRho() {
    const nodes = S.nodes.filter((one) => one.rho !== null);
    $("rho").style.height = `${110 + 46 * S.nodes.length}px`;
    Plotly.react("rho", [{
      type: "scatter", mode: "markers", y: nodes.map((one) => plain(one.node)), x: nodes.map((one) => 100 * one.rho), marker: { size: 11, color: BLUE },
      error_x: { type: "data", symmetric: false, array: nodes.map((one) => 100 * (one.rho_high - one.rho)), arrayminus: nodes.map((one) => 100 * (one.rho - one.rho_low)), color: BLUE },
      hovertext: nodes.map((one) => `${plain(one.node)}: ${percent(one.rho, 1)} % ${interval(one)}`), hoverinfo: "text",
    }], layout({
      showlegend: false, margin: { l: 64, r: 20, t: 24, b: 40 }, xaxis: { title: { text: T.rho_axis }, zeroline: true, rangemode: "tozero" },
      yaxis: { type: "category", automargin: true, range: [nodes.length - 0.5, -0.5] },
      shapes: [{ type: "line", x0: 33, x1: 33, yref: "paper", y0: 0, y1: 1, line: { dash: "dash", width: 1.5, color: "#000000" } }],
      annotations: [{ x: 33, yref: "paper", y: 1, yanchor: "bottom", text: T.thesis, showarrow: false, font: { size: 11 } }],
    }), { ...config, displayModeBar: false });
    fillTable($("nodes"), [T.node, T.days, `${T.reduction} [%]`, T.interval, T.phi, unit(T.plan_loss), unit(T.rolling_loss), unit(T.gain_per_day), T.days_gained, T.unserved], S.nodes.map((one) => [
      one.node, String(one.days), percent(one.rho, 1), interval(one), number(one.phi, 2), money(one.plan_loss_per_day), money(one.rolling_loss_per_day),
      money(one.gain_per_day), `${one.days_gained} / ${one.days}`, trimmed(one.unserved_kwh, 1),
    ]), 1);
  }

  function drawGain() {
    const days = D.days[state.node], mean = S.nodes[state.node].gain_per_day;
    const bars = (colour, shape, gained) => ({
      type: "bar", showlegend: false, x: days.day, y: days.gain.map((value) => (value >= 0 === gained ? value : null)),
      customdata: days.plan_loss.map((value, k) => [value, days.rolling_loss[k]]),
      hovertemplate: `%{x}<br>${T.gain_of_day}: %{y:,.2f}<br>${T.loss_plan}: %{customdata[0]:,.2f}<br>${T.loss_rolling}: %{customdata[1]:,.2f} ${plain(D.money)}<extra></extra>`,
      marker: { color: colour, pattern: { shape, fgcolor: "#303030", bgcolor: colour, size: 6, solidity: 0.2 } },
    });
    Plotly.react("gain", [
      bars(BLUE, "", true), bars(VERMILION, "/", false),
      { type: "scatter", mode: "lines", name: `${T.mean}: ${money(mean)}`, x: [days.day[0], days.day[days.day.length - 1]], y: [mean, mean], hoverinfo: "skip", line: { dash: "dot", width: 1.6, color: "#000000" } },
    ], layout({ barmode: "overlay", showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, margin: { l: 64, r: 12, t: 48, b: 40 }, xaxis: { type: "date", tickformat: "%Y-%m-%d", nticks: 9, automargin: true }, yaxis: { title: { text: plain(unit(T.gain_axis)) } } }), config);
  }

  function show(k) {
    state.node = k;
    const one = S.nodes[k], days = D.days[k];
    $("node").value = String(k);
    for (const place of document.querySelectorAll("h2 .node")) place.textContent = S.nodes.length > 1 ? `(${one.node})` : "";
    const values = {
      node: one.node, days: one.days, first: one.first, last: one.last, rho: percent(one.rho), interval: interval(one), money: D.money,
      more: percent(-one.rho), lost: money(-one.gain_per_day), plan: money(one.plan_loss_per_day), rolling: money(one.rolling_loss_per_day), gain: money(one.gain_per_day),
    };
    $("summary").textContent = [
      fill(one.rho === null ? T.nothing_to_gain : one.rho < 0 ? T.summary_loss : T.summary, values),
      ...(one.rho !== null && one.rho_low <= 0 && one.rho_high >= 0 ? [T.not_sure] : []),
      ...(one.days < 20 ? [fill(T.few_days, values)] : []),
    ].join(" ");
    drawGain();
    Aggregator.drawWaterfall("waterfall", one.plans);
    Aggregator.drawCurves("plans_load", D.plans_load[k]);
    Aggregator.fillPlans($("plans"), one.plans);
    Aggregator.fillGrid(one);
    $("rolled_reserve").hidden = !one.reserve;
    fillTable($("reserve_table"), [T.way, unit(T.payment), unit(T.withheld), unit(T.penalty), unit(T.activation), T.called, `${T.missed} [%]`, T.missing_h],
      (one.reserve || []).map((row) => [
        T.plans[row.plan], money(row.payment), money(row.withheld), money(row.penalty), money(row.activation), number(row.called_kwh, 0),
        trimmed(100 * row.missed_share, 2), trimmed(row.missing_h, 2),
      ]), 1);
    fillTable($("table"), [T.day, unit(T.plan_loss_day), unit(T.rolling_loss_day), unit(T.gain_axis), T.unserved, T.stage_one], days.day.map((day, row) => [
      day, money(days.plan_loss[row]), money(days.rolling_loss[row]), money(days.gain[row]), trimmed(days.unserved_kwh[row], 1), T.statuses[days.stage_one[row]],
    ]), 1);
    fillList($("depends"), [T.depends_process, fill(T.depends_phi, { phi: number(one.phi, 2) }), T.depends_known, fill(T.forecasts[S.forecast] || T.forecasts.own, { name: S.forecast }), T.depends_thesis]);
    fillList($("late"), [
      T.known[S.known], T.missing_file, T.missing_live, fill(T.learnt, { n: one.training_days }),
      fill(one.unserved_kwh > 1e-6 ? T.unserved_some : T.unserved_none, { kwh: trimmed(one.unserved_kwh, 1) }),
      ...(one.customers ? [fill(T.customers_kept, {
        cars: number(one.customers.cars, 1), share: percent(one.customers.share, 1), left: number(one.customers.left, 1),
        least: percent(one.customers.least_share, 1), greatest: percent(one.customers.greatest_share, 1),
      })] : []),
      ...(S.assumptions.attendance ? [fill(T.attendance, {
        late: percent(S.assumptions.attendance.late_share), late_h: trimmed(S.assumptions.attendance.late_h, 2),
        early: percent(S.assumptions.attendance.early_share), early_h: trimmed(S.assumptions.attendance.early_h, 2),
        absent: percent(S.assumptions.attendance.absent_share), n: number(one.absent_per_day, 0), refund: money(one.refund_per_day), money: D.money,
      })] : []),
      fill(T.proven_days, { n: one.stage_one_proven_days, days: one.days }),
    ]);
  }
  const daysCsv = () => Aggregator.csv(D.days[state.node]);

  function settled() {
    const two = S.assumptions.imbalance;
    if (!two) return T.deviations;
    return two.files ? T.deviations_files : fill(T.deviations_two, { short: trimmed(two.short_ratio, 3), long: trimmed(two.long_ratio, 3) });
  }

  S.nodes.forEach((one, k) => addOption($("node"), k, one.node));
  $("node").addEventListener("change", (event) => show(Number(event.target.value)));
  $("csv_days").addEventListener("click", () => save("days.csv", daysCsv(), "text/csv"));
  drawRho();
  show(0);
  Aggregator.fillAssumptions([...(S.assumptions.all_under_direct_control ? [T.all_under_direct_control] : []), T.ratios_kept, T.begin.replace("{hour}", D.hours[0].slice(0, 5)), settled()]);
  state.ready = true;
  window.study = { state, show, daysCsv, copy: () => Aggregator.copyTable($("table")) };
})();
