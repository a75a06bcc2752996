"use strict";
// Studies side by side: overlaid fronts, their days, figures with differences, inputs that differ.
(function () {
  const { D, T, $, config, plain, number, digits, stepped, fillTable, fillList, addOption, themed, axis } = Page;
  const COLOURS = ["#0b5fa5", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
  const SYMBOLS = ["circle", "square", "triangle-up", "diamond", "cross", "x", "star"];
  const DASHES = ["solid", "dash", "dot", "dashdot", "longdash"];
  const colour = (k) => COLOURS[k % COLOURS.length];
  const known = (name) => D.labels[name] || D.prices[name] || T.more[name];
  const label = (name) => {
    const text = known(name);
    const unit = D.units[name] ? ` [${D.units[name].split(/[,;]/)[0]}]` : "";
    return (text ? text.replace(/ ?\[[^\]]*\]$/, "") : name) + unit;
  };

  function drawFronts() {
    const across = $("across").value, upward = $("upward").value;
    const traces = D.fronts.map((front, k) => ({
      type: "scatter", mode: "markers", name: plain(D.names[k]), x: front[across], y: front[upward],
      marker: { size: 6, color: colour(k), symbol: SYMBOLS[k % SYMBOLS.length], opacity: 0.75 },
    }));
    D.fronts.forEach((front, k) => traces.push({
      type: "scatter", mode: "markers", name: `${plain(D.names[k])}: ${T.recommended}`, x: [front[across][D.chosen[k]]], y: [front[upward][D.chosen[k]]],
      marker: { size: 15, color: colour(k), symbol: SYMBOLS[k % SYMBOLS.length], line: { color: "#000000", width: 2 } },
    }));
    Plotly.react("fronts", traces, themed({
      margin: { l: 70, r: 10, t: 10, b: 45 }, xaxis: axis({ title: { text: plain(label(across)) } }),
      yaxis: axis({ title: { text: plain(label(upward)) } }), hovermode: "closest", legend: { orientation: "h", y: -0.2, font: { size: 11 } },
    }), config);
  }

  function drawDays() {
    const traces = [];
    D.days.forEach((day, k) => {
      const hours = day.after.map((_, t) => (24 * t) / day.after.length).concat([24]);
      const line = (values, name, dash, width) => traces.push({
        type: "scatter", mode: "lines", x: hours, y: stepped(values), name: `${plain(D.names[k])}: ${name}`,
        line: { shape: "hv", color: colour(k), dash, width },
      });
      line(day.before, T.before_pricing, "dot", 1.2);
      line(day.after, T.recommended, DASHES[k % DASHES.length], 2.4);
    });
    Plotly.react("day", traces, themed({
      margin: { l: 60, r: 10, t: 10, b: 40 }, xaxis: axis({ title: { text: T.hour }, range: [0, 24], dtick: 3 }),
      yaxis: axis({ title: { text: T.load } }), legend: { orientation: "h", y: -0.2, font: { size: 11 } },
    }), config);
  }

  function fillFigures() {
    const n = D.names.length;
    const others = D.names.slice(1).map((name) => `${name} − ${D.names[0]}`);
    const rows = D.rows.filter((row) => known(row[1])).map(([when, name, unit, ...values]) => {
      const finite = values.slice(0, n).filter((one) => one !== null);
      const places = finite.length ? Math.min(...finite.map((one) => (Number.isInteger(one) && Math.abs(one) < 100 ? 2 : digits(one)))) : 2;
      const most = Math.max(...finite.map(Math.abs), 0);
      const shown = (one, k) => (one === null ? "" : (k >= n && one > 0 ? "+" : "") + number(one, most < 1 ? 4 : places));
      return [T.when[when], known(name).replace(/ ?\[[^\]]*\]$/, ""), unit.split(/[,;]/)[0], ...values.map(shown)];
    });
    fillTable($("figures"), ["", T.quantity, T.unit, ...D.names, ...others], rows, 3);
  }

  D.quantities.forEach((name) => ["across", "upward"].forEach((id) => addOption($(id), name, label(name))));
  for (const id of ["across", "upward"]) {
    $(id).value = D[id];
    $(id).addEventListener("change", drawFronts);
  }
  if (D.sentences.length) {
    $("notes").hidden = false;
    fillList($("notes").querySelector("ul"), D.sentences);
  }
  const draw = () => [drawFronts, drawDays].forEach((one) => one());
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  fillFigures();
  fillTable($("inputs"), [T.key, ...D.names], D.inputs, 99);
  window.beside = { ready: true };
})();
