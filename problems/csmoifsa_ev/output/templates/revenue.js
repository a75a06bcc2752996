"use strict";
// The operator's account on the present and on the proposed rate, and what is left to all other customers.
(function () {
  const { D, T, $, fill, number, fillTable } = Page;
  const labels = (text) => fill(text, { money: D.money, unit: D.unit });
  const percent = (share, digits) => `${number(100 * share, digits)}\u00a0%`;
  const thousands = (value) => number(value / 1000, 1);
  const signed = (value, text) => (value > 0 ? `+${text}` : text);
  const limit = D.max_revenue_change === null ? "" : ` ${fill(T.revenue_limit, { share: percent(D.max_revenue_change, 1) })}`;
  $("revenue_help").textContent = fill(T.revenue_help, { share: percent(D.share_choosing, 0) }) + limit;
  fillTable($("revenue"), T.revenue_columns.map(labels), D.revenue.map((one) => [
    T.cases[one.case], percent(one.on_proposed, 0), thousands(one.revenue_per_day),
    one.revenue_change === null ? "" : signed(one.revenue_change, percent(one.revenue_change, 2)),
    thousands(one.supply_per_day), thousands(one.discharging_per_day), thousands(one.margin_per_day),
    signed(one.margin_change_per_day, thousands(one.margin_change_per_day)),
    one.others_price === null ? "" : signed(one.others_price, number(one.others_price, 4)),
  ]), 1);
  const level = D.revenue.find((one) => one.case === "proposed").level_change;
  const text = level > 0 ? T.level_higher : T.level_lower;
  $("level").textContent = Math.abs(level) < 5e-4 ? "" : fill(text, { change: number(Math.abs(level), 3), unit: D.unit });
})();
