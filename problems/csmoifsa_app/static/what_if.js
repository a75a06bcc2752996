"use strict";
// Sliders of the prices: one request at a time, the latest position wins, charts and tables follow.
(async function () {
  const { D, T, $, number, digits, fill, fillTable, fillImpact, fillList } = Page;
  const REST_MS = 120; // the clock of prices is drawn when the slider rests, so that it delays no picture of the day
  const state = { day: null, tariff: [], shown: null, busy: false, again: false, latency: [] };
  window.app = { ready: false, state };
  const inputs = () => [...document.querySelectorAll("#sliders input")];
  const quantity = (name) => (T.quantities[name] || name).replace("{money}", state.day.money);

  // names of prices and sentences on constraints, whatever the periods are called
  const variable = (name) => {
    const [kind, ...period] = name.split("_");
    return T.variables[name] || `${T[kind]}, ${period.join("_")}`;
  };
  function sentence(constraint) {
    const [one, other] = constraint.split(" <= "), { step, ratios } = state.day.rules;
    if (Object.hasOwn(T.constraints, constraint)) return T.constraints[constraint];
    if (constraint === "prices are multiples of rules.step") return fill(T.step_rule, { step: `${step} ${state.day.unit}` });
    if (ratios.includes(constraint)) return fill(T.ratio_rule, { rule: constraint });
    if (other) return fill(T.order, { a: variable(one), b: variable(other) });
    return fill(T.covers, { a: variable(constraint.replace(/ covers .*/, "")) });
  }

  function build() {
    state.day.variables.forEach((name, k) => {
      const place = document.createElement("div");
      place.className = "slider";
      place.innerHTML = '<label><span></span><output></output></label><input type="range"><div class="reach"><i></i></div><p class="reach-text"></p>';
      const input = place.querySelector("input");
      place.querySelector("label").htmlFor = input.id = `price-${name}`;
      place.querySelector("span").textContent = variable(name);
      Object.assign(input, { min: state.day.low[k], max: state.day.high[k], step: "any" });
      input.step = String(state.day.rules.step ?? (state.day.high[k] - state.day.low[k]) / 450);
      input.addEventListener("input", () => {
        state.tariff[k] = Math.min(Math.max(Number(input.value), state.day.low[k]), state.day.high[k]);
        changed();
      });
      $("sliders").append(place);
    });
  }

  function set(tariff) {
    state.tariff = tariff.map((value, k) => Math.min(Math.max(value, state.day.low[k]), state.day.high[k]));
    inputs().forEach((input, k) => (input.value = String(state.tariff[k])));
    changed();
  }

  async function changed() {
    inputs().forEach((input, k) => {
      const text = `${number(state.tariff[k], state.day.price_digits)} ${state.day.unit}`;
      input.parentElement.querySelector("output").textContent = text;
      input.setAttribute("aria-valuetext", text);
    });
    state.asked ??= performance.now();
    state.again = true;
    if (state.busy) return;
    state.busy = true;
    try {
      while (state.again) {
        state.again = false;
        const asked = state.asked;
        state.asked = undefined;
        draw(await ask(`/studies/${D.id}/evaluate`, { tariff: state.tariff }));
        history.replaceState(null, "", `#${state.tariff.map((one) => Number(one.toPrecision(6))).join(",")}`);
        state.latency.push(performance.now() - asked);
      }
      $("fault").hidden = true;
    } catch (error) {
      $("fault").textContent = error.message;
      $("fault").hidden = false;
    }
    state.busy = false;
  }

  function draw(found) {
    state.shown = found;
    const data = { ...state.day, ...found };
    Charts.day("day", data, 0, 1);
    clearTimeout(state.later);
    state.later = setTimeout(() => Charts.clock("clock", data, 0), REST_MS);
    const rows = Object.entries(found.figures).map(([name, [now, before]]) => {
      const n = Math.max(digits(now), digits(before));
      return [quantity(name), number(before, n), number(now, n), (now > before ? "+" : "") + number(now - before, n)];
    });
    fillTable($("figures"), [T.quantity, T.before, T.after, T.change], rows, 1);
    fillImpact($("impact"), found.impact[0]);
    fillList($("broken"), found.broken.map((one) => sentence(one.constraint)));
    document.querySelectorAll(".slider").forEach((place, k) => {
      const range = found.ranges[k], low = state.day.low[k], width = state.day.high[k] - low;
      const bar = place.querySelector("i");
      bar.hidden = !range;
      place.querySelector(".reach-text").textContent = range ? fill(T.reach, { low: number(range[0], state.day.price_digits), high: number(range[1], state.day.price_digits) }) : T.no_reach;
      if (range) Object.assign(bar.style, { left: `${(100 * (range[0] - low)) / width}%`, width: `${Math.max((100 * (range[1] - range[0])) / width, 1)}%` });
    });
  }

  function nearest() {
    const width = state.day.high.map((high, k) => high - state.day.low[k]);
    const distance = (row) => row.reduce((sum, value, k) => sum + ((value - state.tariff[k]) / width[k]) ** 2, 0);
    return state.day.front.reduce((best, row) => (distance(row) < distance(best) ? row : best));
  }

  try {
    state.day = await ask(`/studies/${D.id}/day`);
  } catch (error) {
    $("fault").textContent = error.message;
    $("fault").hidden = false;
    $("wait").hidden = true;
    window.app.ready = true;
    return;
  }
  build();
  const tell = (id, text, told) => Object.assign($(id), { textContent: text, hidden: !told });
  tell("about-days", fill(T.mean_of_days, { n: state.day.days }), state.day.days > 1);
  tell("about-kinds", fill(T.clock_of_usual, { kinds: state.day.kinds.join(", ") }), state.day.kinds.length);
  $("wait").hidden = true;
  $("live").hidden = false;
  $("in-force").addEventListener("click", () => set(state.day.in_force));
  $("offered").hidden = state.day.offered === null;
  $("snap").hidden = state.day.front.length === 0;
  $("offered").addEventListener("click", () => set(state.day.offered));
  $("snap").addEventListener("click", () => set(nearest()));
  state.tariff = [];
  const kept = location.hash.slice(1).split(",").map(Number); // a page that is loaded again shows the same prices
  const whole = kept.length === state.day.low.length && location.hash.length > 1 && kept.every(Number.isFinite);
  set(whole ? kept : state.day.offered || state.day.in_force);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => state.shown && draw(state.shown));
  window.app.ready = true;
})();
