"use strict";
// Charts of one tariff, shared by the report and the app: its prices around the clock, and its day by group of drivers.
const Charts = (function () {
  const { T, config, plain, number, stepped, colour, themed, axis } = Page;
  const COLOURS = ["#d55e00", "#999999", "#e69f00", "#56b4e9", "#009e73", "#0b5fa5"]; // the cheapest period has the last
  const PATTERNS = ["/", "", "x", "|", "-", "."];
  const GROUP_COLOURS = ["#bdbdbd", "#56b4e9", "#d55e00"];
  const GROUP_PATTERNS = ["", "/", "x"];

  // names of the periods of `data`, translated where they are the usual ones
  const periods = (data) => data.periods.map((name) => (Object.hasOwn(T.periods, name) ? T.periods[name] : name));

  // data: tariffs, discharging, periods, period, step_h and unit; the tariff of row `row` is drawn into the element `id`,
  // on the hours in force if `start` says that it is in force
  function clock(id, data, row, start = false) {
    const period = (start && data.period_in_force) || data.period;
    const x = data.tariffs[row], named = periods(data), n = named.length;
    const bars = data.periods.map((name, p) => {
      const look = p === n - 1 ? COLOURS.length - 1 : p;
      const steps = period.map((one, k) => [one, k]).filter(([one]) => one === name).map(([, k]) => k);
      return {
        type: "barpolar", name: `${T.charge}, ${named[p]}: ${number(x[p], data.price_digits)}`, r: steps.map(() => x[p]),
        theta: steps.map((k) => 15 * data.step_h * (k + 0.5)), width: steps.map(() => 15 * data.step_h),
        marker: { color: COLOURS[look], line: { color: "#ffffff", width: 0.5 }, pattern: { shape: PATTERNS[look], fgcolor: "#ffffff", bgcolor: COLOURS[look], size: 6 } },
        hovertemplate: `${named[p]} ${number(x[p], 2)} ${plain(data.unit)}<extra></extra>`,
      };
    });
    const discharging = data.discharging[row];
    discharging.map((yes, p) => [yes, p]).filter(([yes]) => yes).forEach(([, p]) => {
      const steps = period.map((one, k) => [one, k]).filter(([one]) => one === data.periods[p]).map(([, k]) => k);
      bars.push({
        type: "scatterpolar", mode: "markers", name: `${T.discharge}, ${named[p]}: ${number(x[n + p], data.price_digits)}`,
        r: steps.map(() => x[n + p]), theta: steps.map((k) => 15 * data.step_h * (k + 0.5)),
        marker: { symbol: "triangle-down", size: 9, color: colour("--ink", "#000000") },
      });
    });
    const ticks = [0, 3, 6, 9, 12, 15, 18, 21];
    Plotly.react(id, bars, themed({
      margin: { l: 30, r: 30, t: 25, b: 25 }, legend: { orientation: "h", y: -0.12, font: { size: 11 } },
      polar: { bgcolor: colour("--paper", "#ffffff"), radialaxis: { title: { text: plain(data.unit) }, angle: 90, tickangle: 90, rangemode: "tozero" },
               angularaxis: { direction: "clockwise", rotation: 90, tickvals: ticks.map((h) => 15 * h), ticktext: ticks.map((h) => `${h} h`) } },
    }), config);
  }

  // data: hours, step_h, base, before, after, groups, group_load and group_share; row `start` is the tariff in force
  function day(id, data, row, start) {
    const edges = data.hours.map((_, k) => k * data.step_h).concat([24]);
    const base = { type: "scatter", mode: "lines", x: edges, line: { shape: "hv", width: 0 } };
    const traces = [{ ...base, y: stepped(data.base), name: T.base, stackgroup: "after", fillcolor: colour("--soft", "#f0f0f0"), line: { shape: "hv", width: 1, color: "#555555" } }];
    data.groups.forEach((name, g) => data.group_share[row][g] > 0 && traces.push({
      ...base, y: stepped(data.group_load[row][g]), stackgroup: "after", fillcolor: GROUP_COLOURS[g],
      name: `${T.groups[name]} (${number(100 * data.group_share[row][g], 0)} %)`,
      fillpattern: { shape: GROUP_PATTERNS[g], fgcolor: "#333333", bgcolor: GROUP_COLOURS[g], size: 6, solidity: 0.15 },
    }));
    traces.push({ ...base, y: stepped(data.before), name: T.total_before, line: { shape: "hv", width: 1.5, dash: "dot", color: "#777777" } });
    traces.push({ ...base, y: stepped(data.after[start]), name: T.total_in_force, line: { shape: "hv", width: 2, dash: "dash", color: colour("--ink", "#000000") } });
    traces.push({ ...base, y: stepped(data.after[row]), name: T.total_after, line: { shape: "hv", width: 2.5, color: colour("--blue", "#0b5fa5") } });
    const limited = data.max_load == null ? [] : [data.max_load];
    if (limited.length) traces.push({ type: "scatter", mode: "lines", x: [0, 24], y: [limited[0], limited[0]], name: T.max_load, line: { width: 1.5, color: "#d55e00", dash: "longdashdot" } });
    const low = Math.min(...data.base), high = Math.max(...data.before, ...data.after[row], ...limited);
    Plotly.react(id, traces, themed({
      margin: { l: 60, r: 10, t: 10, b: 30 }, xaxis: axis({ ticksuffix: " h", range: [0, 24], dtick: 3 }),
      yaxis: axis({ title: { text: T.load }, range: [low - 0.1 * (high - low), high + 0.08 * (high - low)] }),
      legend: { orientation: "h", y: -0.14, font: { size: 11 } },
    }), config);
  }

  return { clock, day, periods };
})();
