// Has the page's parts fetched anew whenever the gate says that more was refused.
"use strict";

const AGAIN_MS = 10000;
let stream = null;

function tell(text) {
  document.getElementById("live").textContent = text;
}

function tellFollowing() {
  tell(document.getElementById("live").dataset.follows);
}

function refresh() {
  document.body.dispatchEvent(new Event("refused"));
}

function following() {
  return stream !== null && stream.readyState === EventSource.OPEN;
}

// A page that nobody sees lets go: of one host a browser opens six connections at a time, for all its tabs.
function follow() {
  if (stream !== null || document.hidden) return;
  stream = new EventSource("/live");
  stream.addEventListener("open", () => {
    tellFollowing();
    refresh();
  });
  stream.addEventListener("refused", refresh);
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) { // refused, not cut off: the browser tries no more
      tell("The page does not follow any more: load it again.");
      leave();
      setTimeout(follow, AGAIN_MS);
    } else {
      tell("The gate is out of reach: what stands here may be old.");
    }
  });
}

function leave() {
  if (stream !== null) stream.close();
  stream = null;
}

follow();
document.addEventListener("visibilitychange", () => (document.hidden ? leave() : follow()));

// An answer without the part that was asked for must not take away what stands here.
document.addEventListener("htmx:after:request", (event) => {
  const { response, select, text } = event.detail.ctx;
  if (text.includes(`id="${select.slice(1)}"`)) return;
  event.preventDefault();
  const plain = (response.headers.get("Content-Type") ?? "").startsWith("text/plain");
  if (response.raw.redirected) tell("Your login is over: load the page again.");
  else tell(plain ? text : "The gate could not answer: what stands here may be old.");
});
document.addEventListener("htmx:after:swap", () => {
  if (following()) tellFollowing();
});
