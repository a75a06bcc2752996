"use strict";
// Requests of the pages' scripts: JSON or a form with a file there, JSON back; a fault is an Error with its sentence.
async function ask(path, values) {
  const json = { method: "POST", headers: { "content-type": "application/json" } };
  const options = values === undefined ? {} : values instanceof FormData ? { method: "POST", body: values } : { ...json, body: JSON.stringify(values) };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { accept: "application/json", ...options.headers } });
  } catch {
    throw new Error(Page.T.gone);
  }
  const text = await answer.text();
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error(text.slice(0, 300));
  }
  if (!answer.ok) throw Object.assign(new Error(found.fault), { status: answer.status });
  return found;
}

// Send values; a fault is shown on the page. Tells whether the server took them.
async function send(path, values) {
  Page.$("fault").textContent = "";
  try {
    await ask(path, values);
    return true;
  } catch (error) {
    Page.$("fault").textContent = error.message;
    return false;
  }
}

// Show the reports of a study's work as they come; load the page again when work that was seen running is done.
function follow(show, running) {
  const events = new EventSource(`/studies/${Page.D.id}/events`);
  events.onmessage = (event) => {
    const report = JSON.parse(event.data);
    show(report);
    if (report.state === "running") running = true;
    else {
      events.close();
      if (running && report.state === "done") location.reload();
    }
  };
  events.onerror = () => (Page.$("told").textContent = Page.T.gone);
}
