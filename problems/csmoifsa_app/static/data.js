"use strict";
// The page of data: files can be dropped on the card of their kind; what was read is drawn.
(function () {
  const { D, T, $, config, plain, stepped } = Page;
  const COLOURS = ["#d55e00", "#009e73", "#e69f00", "#56b4e9", "#cc79a7"];
  const colour = (k) => (k ? COLOURS[(k - 1) % COLOURS.length] : Page.colour("--blue", "#0b5fa5"));

  for (const card of document.querySelectorAll(".source")) {
    const over = (event) => {
      event.preventDefault();
      card.classList.add("over");
    };
    card.addEventListener("dragenter", over);
    card.addEventListener("dragover", over);
    card.addEventListener("dragleave", (event) => card.contains(event.relatedTarget) || card.classList.remove("over"));
    card.addEventListener("drop", (event) => {
      event.preventDefault();
      card.classList.remove("over");
      if (event.dataTransfer.files.length === 0) return;
      const form = card.querySelector(".drop");
      form.elements.file.files = event.dataTransfer.files;
      form.requestSubmit();
    });
  }
  // a file that misses the cards must not replace the page
  for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());

  const edges = (values) => stepped(values).map((_, k) => (24 * k) / values.length);
  const line = (values, name, more) => ({
    type: "scatter", mode: "lines", x: edges(values), y: stepped(values), name, ...more, line: { shape: "hv", ...more.line },
  });

  const traces = {
    days(plot) {
      const many = plot.days.length === 0;
      const soft = Page.colour("--soft-ink", "#777777");
      const all = plot.days.length > 1 ? plot.days.map((one, k) => line(one, plain(plot.names[k]), { showlegend: false, opacity: 0.5, line: { width: 1, color: soft } })) : [];
      const band = many
        ? [line(plot.low, T.least_of_days, { showlegend: false, line: { width: 0, color: soft } }), line(plot.high, T.extremes, { fill: "tonexty", fillcolor: "rgba(120, 140, 160, 0.3)", line: { width: 0, color: soft } })]
        : [];
      return [...band, ...all, line(plot.mean, plot.days.length === 1 ? plain(plot.names[0] || T.day_of) : T.mean_day, { line: { width: 2.5, color: colour(0) } })];
    },
    tariff: (plot) => plot.days.map((one, k) => line(one, plain(plot.names[k] || T.usual_days), { line: { width: 2.5, color: colour(k), dash: k ? "dash" : "solid" } })),
    sessions: (plot) => ["arrivals", "departures"].map((name, k) => ({ type: "bar", name: T[name], x: plot[name].map((_, h) => h + 0.5), y: plot[name], marker: { color: colour(k) } })),
  };

  function draw() {
    for (const [name, plot] of Object.entries(D.plots)) {
      const drawn = traces[plot.kind](plot);
      Plotly.react(`plot-${name}`, drawn, Page.themed({
        margin: { l: 65, r: 10, t: 10, b: 40 }, showlegend: drawn.length > 1 || plot.kind !== "tariff", barmode: "group",
        xaxis: Page.axis({ title: { text: T.hour }, range: [0, 24], dtick: 3 }),
        yaxis: Page.axis({ title: { text: plain(plot.unit || T.number_of_sessions) }, rangemode: plot.kind === "days" ? "normal" : "tozero" }),
        legend: { orientation: "h", y: 1, yanchor: "bottom", font: { size: 11 } },
      }), { ...config, displayModeBar: false });
    }
  }

  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  window.app = { ready: true };
})();
