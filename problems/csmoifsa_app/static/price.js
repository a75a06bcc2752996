"use strict";
// The proof of a price as it grows: profit found and upper bound over time, and what is left between them.
(function () {
  const { D, T, $, config, plain, fill, number } = Page;
  const line = (name, x, y, style) => ({ type: "scatter", mode: "lines", name, x, y, line: { shape: "hv", width: 2.5, ...style }, hovertemplate: `%{x:.1f} s: %{y:,.2f}<extra>${plain(name)}</extra>` });

  function sentence(profit, bound) {
    if (profit === null || bound === null) return T.no_profit;
    const gap = Math.max(0, bound - profit) / Math.max(Math.abs(bound), 1e-9);
    return fill(T.proof_now, {
      profit: number(profit, 2), bound: number(bound, 2), money: D.money,
      gap: gap <= 1e-6 ? T.closed : fill(T.gap_of, { gap: (100 * gap).toPrecision(3) }),
    });
  }

  Run.begin("aggregate", (report) => {
    const proof = report.proof || [];
    $("live").hidden = proof.length === 0;
    if (!proof.length) return;
    const [seconds, profit, bound] = [0, 1, 2].map((k) => proof.map((one) => one[k]));
    if (report.state === "running") {
      const stage = report.phase === "proof" ? ` (${T.stages[report.stage] || report.stage})` : "";
      $("told").textContent = `${T.case_phases[report.phase]}${stage}: ${sentence(profit[profit.length - 1], bound[bound.length - 1])}`;
    }
    const values = [...profit, ...bound].filter((one) => one !== null), low = Math.min(...values), high = Math.max(...values);
    const room = Math.max(0.08 * (high - low), 0.01 * Math.max(Math.abs(high), Math.abs(low)), 1e-6);
    Plotly.react("proof", [
      line(T.upper_bound, seconds, bound, { color: "#d55e00", dash: "dash" }),
      { ...line(T.profit_found, seconds, profit, { color: "#0072b2" }), fill: "tonexty", fillcolor: "rgba(213, 94, 0, 0.13)" },
    ], Page.themed({
      margin: { l: 75, r: 10, t: 10, b: 45 }, legend: { orientation: "h", y: 1, yanchor: "bottom" }, showlegend: true,
      xaxis: Page.axis({ title: { text: T.seconds_axis }, rangemode: "tozero" }), yaxis: Page.axis({ title: { text: plain(fill(T.money_axis, { money: D.money })) }, range: [low - room, high + room] }),
    }), { ...config, displayModeBar: false });
  });
})();
