"use strict";
// What all pages share: data and texts, numbers, tables, downloads. `D` is the page's data, `T` its texts.
const Page = (function () {
  const D = JSON.parse(document.getElementById("data").textContent);
  const T = D.texts;
  const $ = (id) => document.getElementById(id);
  const config = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d"] };
  // plotly reads a little HTML in its labels; what comes from a user's file must stay text
  const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? values[key] : whole));
  const word = (text) => T.words[text] || text;
  const unit = (text) => fill(word(D.money ? text.replaceAll(D.money, "{money}") : text), { money: D.money });
  // what rounds to zero has no sign
  const number = (value, digits) =>
    value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace(/^-(?=[0.]*$)/, "");
  const signed = (value, digits) => {
    const text = number(value, digits);
    return value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
  };
  const digits = (value) => (Math.abs(value) >= 100 ? 0 : 2);
  // colours of the page, so that a dark page has dark charts
  const colour = (name, other) => getComputedStyle(document.documentElement).getPropertyValue(name).trim() || other;
  const themed = (layout) => ({
    paper_bgcolor: colour("--paper", "#ffffff"), plot_bgcolor: colour("--paper", "#ffffff"),
    font: { color: colour("--ink", "#1c1c1c") }, ...layout,
  });
  const axis = (more) => ({ gridcolor: colour("--grid", "#e5e5e5"), zerolinecolor: colour("--grid", "#e5e5e5"), ...more });
  const stepped = (values) => values.concat([values[values.length - 1]]);

  function cell(row, text, kind, numeric) {
    const element = document.createElement(kind || "td");
    element.textContent = text;
    if (numeric) element.className = "n";
    row.appendChild(element);
  }

  function header(table, names, from) {
    table.replaceChildren();
    const row = table.createTHead().insertRow();
    names.forEach((name, k) => cell(row, name, "th", k >= from));
    return table.createTBody();
  }

  // rows: texts up to column `from`, then numbers as text
  function fillTable(table, names, rows, from) {
    const body = header(table, names, from);
    for (const one of rows) {
      const row = body.insertRow();
      one.forEach((text, k) => cell(row, text, "td", k >= from));
    }
  }

  function fillImpact(table, lines) {
    fillTable(table, [T.stakeholder, T.quantity, T.before, T.after, T.change, T.improves], lines.map((one) => {
      const n = Math.max(digits(one.before), digits(one.after));
      const change = signed(one.change, n);
      return [word(one.stakeholder), `${word(one.quantity)} [${unit(one.unit)}]`, number(one.before, n), number(one.after, n), change, one.improves ? T[one.improves] : ""];
    }), 2);
  }

  function fillList(list, texts) {
    list.replaceChildren();
    for (const text of texts) {
      const item = document.createElement("li");
      item.textContent = text;
      list.appendChild(item);
    }
  }

  function addOption(select, value, text) {
    const option = document.createElement("option");
    option.value = String(value);
    option.textContent = text;
    select.appendChild(option);
  }

  function save(name, text, kind) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: kind }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  const quoted = (text) => `"${String(text).replace(/"/g, '""')}"`;
  // plotly draws for the screen's width; on paper it must be that of the page: A4 less margins and the frame [px]
  const PAPER = 695;
  const charts = () => [...document.querySelectorAll(".js-plotly-plot")].filter((one) => !one.closest(".screen"));
  addEventListener("beforeprint", () => charts().forEach((one) =>
    Plotly.relayout(one, { width: PAPER, height: one.classList.contains("low") ? 280 : 320, "font.size": 9 })));
  addEventListener("afterprint", () => charts().forEach((one) =>
    Plotly.relayout(one, { width: undefined, height: undefined, "font.size": 12, autosize: true }).then(() => Plotly.Plots.resize(one))));
  $("print").addEventListener("click", () => window.print());
  return { D, T, $, config, plain, word, fill, number, signed, digits, stepped, cell, header, fillTable, fillImpact, fillList, addOption, save, quoted, colour, themed, axis };
})();
