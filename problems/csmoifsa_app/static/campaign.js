"use strict";
// A campaign as it grows: runs done, failed and missing by algorithm, runs a minute, and its report.
(function () {
  const { D, T, $, fill, fillTable, number } = Page;
  const LOOK_MS = 2000;
  const state = { seen: null, report: null };
  window.app = { ready: false, state };

  function show(suite) {
    const card = document.createElement("section"), title = document.createElement("h2"), told = document.createElement("p"), box = document.createElement("div"), table = document.createElement("table");
    card.className = "card";
    title.textContent = suite.suite;
    box.className = "scroll";
    const rows = suite.algorithms.map((one) => [one.algorithm, one.wanted, one.done, one.failed, one.wanted - one.done - one.failed]);
    fillTable(table, [T.algorithm, T.wanted, T.done, T.failed, T.missing, ""], rows.map((row) => [...row.map(String), ""]), 1);
    rows.forEach(([name, wanted, done], k) => {
      const bar = document.createElement("progress");
      Object.assign(bar, { max: Math.max(wanted, 1), value: done });
      bar.setAttribute("aria-label", fill(T.progress_of, { name }));
      table.tBodies[0].rows[k].cells[5].append(bar);
    });
    const left = rows.reduce((sum, row) => sum + row[4] + row[3], 0);
    told.className = "help";
    told.textContent = [
      left ? fill(T.rate_of, { rate: number(suite.per_minute, 1) }) : T.all_done,
      suite.failures.length ? `${fill(T.failures_of, { n: suite.failures.length })} ${suite.failures.slice(0, 3).map((one) => `${one.run}: ${one.error}`).join("; ")}` : "",
      suite.of_other_settings ? fill(T.others, { n: suite.of_other_settings }) : "",
    ].filter(Boolean).join(" · ");
    box.append(table);
    card.append(title, told, box);
    return card;
  }

  function shown(found) {
    $("fault").hidden = !found.fault;
    $("fault").textContent = found.fault;
    const text = JSON.stringify(found.suites);
    if (text !== state.seen) $("suites").replaceChildren(...found.suites.map(show));
    state.seen = text;
    $("write").disabled = found.reporting;
    $("write").textContent = found.report ? T.write_again : T.write_report;
    $("apart").hidden = $("frame").hidden = !found.report;
    $("told").textContent = found.reporting ? T.writing : found.report ? fill(T.written, { time: new Date(1000 * found.report).toLocaleString(D.language) }) : "";
    if (found.report !== state.report && found.report) $("frame").src = `/campaigns/${D.id}/report`;
    state.report = found.report;
    state.found = found;
    window.app.ready = true;
  }

  async function look() {
    try {
      shown(await ask(`/campaigns/${D.id}/state`));
    } catch (error) {
      $("fault").hidden = false;
      $("fault").textContent = error.message;
    }
    setTimeout(look, LOOK_MS);
  }
  $("write").addEventListener("click", async () => {
    $("write").disabled = true;
    await ask(`/campaigns/${D.id}/report`, {}).catch((error) => ($("told").textContent = error.message));
  });
  look();
})();
