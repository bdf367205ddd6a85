// Signs grants with an Ed25519 key that never leaves this browser (WebCrypto, a key that cannot be extracted,
// kept in IndexedDB). Where the browser cannot, the page shows the command instead.
"use strict";

const NAME = "approver";
const ELSEWHERE = "This browser cannot sign with Ed25519: grant with the command below each request.";

function kept(mode, work) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("pgwarden", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const transaction = opening.result.transaction("keys", mode);
      const asked = work(transaction.objectStore("keys"));
      transaction.oncomplete = () => resolve(asked.result); // on disk, not only asked for
      transaction.onabort = () => reject(transaction.error);
    };
  });
}

const make = () => crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);

const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));

async function publicOf(pair) {
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", raw));
  const id = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("").slice(0, 16);
  return { text: base64(raw), id };
}

async function sign(form, pair, id) {
  const at = new Date().toISOString().replace("Z", "000+00:00"); // the ledger's one spelling: microseconds
  const message = JSON.stringify({
    at,
    ledger: form.dataset.ledger,
    purpose: "pgwarden approval grant",
    request: form.dataset.digest,
  });
  const signature = await crypto.subtle.sign("Ed25519", pair.privateKey, new TextEncoder().encode(message));
  form.elements.namedItem("key").value = id;
  form.elements.namedItem("at").value = at;
  form.elements.namedItem("signature").value = base64(signature);
  form.submit();
}

function say(text) {
  document.getElementById("key-state").textContent = text;
}

async function show(pair) {
  const own = await publicOf(pair);
  const { name: known, granting } = document.getElementById("key").dataset;
  const enrolled = JSON.parse(granting)[own.id];
  if (enrolled === undefined) {
    const name = /^[\w.@-]+$/.test(known) ? known : "NAME"; // it is pasted into a shell
    say(`Its key ${own.id} may not grant yet. Somebody who is enrolled runs, where the ledger is:`);
    document.getElementById("key-public").textContent = `pgwarden approve enroll ${name} --public-key ${own.text}`;
    return;
  }
  say(`Its key ${own.id} is enrolled as ${enrolled}: Grant signs with it.`);
  for (const form of document.querySelectorAll("form.grant")) {
    form.hidden = false;
    form.parentElement.querySelector(".elsewhere").hidden = true;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      sign(form, pair, own.id).catch(() => say(ELSEWHERE));
    });
  }
}

async function offer() {
  await make(); // a key for nobody: whether this browser has Ed25519 shows in no other way
  const button = document.getElementById("key-make");
  say("It has none yet: grants are signed with one.");
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.hidden = true;
    try {
      const pair = await make();
      await kept("readwrite", (store) => store.put(pair, NAME));
      await show(pair);
    } catch {
      say(ELSEWHERE);
    }
  });
}

async function begin() {
  const section = document.getElementById("key");
  if (section === null) return;
  section.hidden = false;
  try {
    const pair = await kept("readonly", (store) => store.get(NAME));
    await (pair ? show(pair) : offer());
  } catch {
    say(ELSEWHERE); // no secure context, no IndexedDB, no Ed25519
  }
}

begin();
