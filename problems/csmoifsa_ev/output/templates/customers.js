"use strict";
// Bills of sampled customers: winners and losers by tenth of energy as bars, all groups as a table.
(function () {
  const { D, T, $, config, fill, number, fillTable } = Page;
  const tenths = D.customer_groups.filter((one) => one.by === "tenth by energy");
  const kinds = [["winners", "#0b5fa5", ""], ["unchanged", "#dddddd", ""], ["losers", "#d55e00", "/"]];

  function bars(ending, axis) {
    const share = (one, kind) =>
      100 * (kind === "unchanged" ? 1 - one[`winners${ending}`] - one[`losers${ending}`] : one[`${kind}${ending}`]);
    return kinds.map(([kind, color, shape]) => ({
      type: "bar", name: T.bill_kinds[kind], legendgroup: kind, showlegend: axis === "", xaxis: `x${axis}`, yaxis: `y${axis}`,
      x: tenths.map((_, k) => k + 1), y: tenths.map((one) => share(one, kind)),
      marker: { color, pattern: { shape, size: 6 }, line: { color: "#000000", width: 0.5 } }, hovertemplate: "%{y:.0f} %<extra></extra>",
    }));
  }

  const title = (text, x) => ({ text, showarrow: false, xref: "paper", yref: "paper", x, y: 1.12, xanchor: "center" });
  Plotly.newPlot("bills", [...bars("_same_hours", ""), ...bars("", "2")], {
    margin: { l: 50, r: 10, t: 35, b: 80 }, barmode: "stack", legend: { orientation: "h", y: -0.4 },
    xaxis: { domain: [0, 0.47], dtick: 1, title: { text: T.tenth_axis } }, xaxis2: { domain: [0.53, 1], dtick: 1, title: { text: T.tenth_axis } },
    yaxis: { range: [0, 100], title: { text: T.customers_axis } }, yaxis2: { range: [0, 100], anchor: "x2" },
    annotations: [title(T.same_hours, 0.235), title(T.with_answer, 0.765)],
  }, config);

  const percent = (share) => (share === null ? "" : `${number(100 * share, 0)}\u00a0%`);
  const signed = (share) => (share === null ? "" : `${share > 0 ? "+" : ""}${number(100 * share, 1)}\u00a0%`);
  const name = (one) => (one.by === "vehicle" ? one.group : fill(T.customer_groups[one.by][one.group] || T.customer_groups[one.by].each, { k: one.group.split(" ")[0] }));
  const money = (text) => fill(text, { money: D.money });
  fillTable($("customers"), T.customer_columns.map(money), D.customer_groups.map((one) => [
    name(one), number(one.customers, 0), number(one.kwh_month, 0), number(one.bill_in_force, 2), number(one.bill_same_hours, 2), number(one.bill_proposed, 2),
    percent(one.winners_same_hours), percent(one.losers_same_hours), percent(one.winners), percent(one.losers), signed(one.change_p5), signed(one.change_median), signed(one.change_p95),
  ]), 1);

  if (D.bill_parts.length) {
    $("parts").hidden = false;
    fillTable($("parts").querySelector("table"), T.part_columns.map(money), D.bill_parts.map((one) => [T.parts[one.part], number(one.in_force, 2), number(one.proposed, 2)]), 1);
  }
})();
