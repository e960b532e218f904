// Following what happens: events say that something has, and the page is asked for again. It comes as the server makes it,
// as a document, so no text is ever turned into markup here.
import { due, setClock } from "./clock.js";
import { morph } from "./morph.js";

const leastGap = 400; // between two pages, in milliseconds
const poll = { quick: 2000, slow: 5000 }; // for what has no events: counts, runs of jobs; quick where one was due
const again = 2000; // after a stream was refused

let stream = null;
let wanted = false, loading = false;
let last = 0, took = 0;
let lost = 0; // since when nothing is heard; 0: it is

// refresh asks for the page, soon.
export function refresh() {
	if (wanted) return;
	wanted = true;
	const wait = Math.max(0, last + Math.max(leastGap, 3 * took) - Date.now());
	setTimeout(next, wait);
}

async function next() {
	if (loading || document.hidden) return; // it is asked for again after that
	wanted = false;
	loading = true;
	last = Date.now();
	try {
		const page = await load(location.href);
		took = Date.now() - last;
		show(page);
		if (!stream) heard();
	} catch {
		missed();
	} finally {
		loading = false;
		if (wanted) {
			wanted = false;
			refresh();
		}
	}
}

function load(url) {
	return new Promise((resolve, reject) => {
		const request = new XMLHttpRequest();
		request.open("GET", url);
		request.responseType = "document";
		request.timeout = 10000;
		request.setRequestHeader("Tend-Part", "main");
		request.onload = () => {
			if (new URL(request.responseURL).pathname === "/login") location.reload(); // who has logged out is asked to log in
			else if (request.response?.getElementById("main")) resolve(request.response);
			else reject(new Error("no page"));
		};
		request.onerror = request.ontimeout = () => reject(new Error("no answer"));
		request.send();
	});
}

function show(page) {
	const old = document.getElementById("main"), now = page.getElementById("main");
	if (old.dataset.build !== now.dataset.build) { // another program is at this address by now
		location.reload();
		return;
	}
	setClock(now);
	document.title = page.title;
	morph(old, now);
	document.dispatchEvent(new Event("shown"));
}

// --- the stream ---------------------------------------------------------------------------------------

const mark = document.getElementById("live");

function say(is, word) {
	mark.dataset.is = is;
	const at = mark.querySelector(".word");
	if (at.textContent !== word) at.textContent = word;
}

function heard() {
	lost = 0;
	document.getElementById("stale").hidden = true;
	say("on", "Live");
}

function missed() {
	lost ||= Date.now();
	say("lost", "Reconnecting");
	const stale = document.getElementById("stale");
	if (Date.now() - lost > 1500 && stale.hidden) {
		stale.querySelector("time").dataset.since = document.getElementById("main").dataset.now;
		stale.hidden = false;
	}
}

function follow() {
	stream?.close();
	stream = new EventSource("/api/v1/events");
	stream.onopen = () => {
		const was = lost;
		heard();
		if (was) refresh();
	};
	stream.addEventListener("state", (event) => {
		announce(event.data);
		refresh();
	});
	stream.addEventListener("gap", refresh);
	stream.onerror = () => {
		missed();
		if (stream.readyState === EventSource.CLOSED) setTimeout(follow, again); // refused, as while it restarts
	};
}

const news = document.getElementById("news");
const telling = new Set(["backoff", "failed", "stuck", "stopped", "running"]);

// announce tells who cannot see it. A line a second is enough.
let told = 0;
function announce(data) {
	if (Date.now() - told < 1000) return;
	try {
		const { path, state } = JSON.parse(data);
		if (!telling.has(state)) return;
		told = Date.now();
		news.textContent = `${path}: ${state}`;
	} catch { /* nothing to tell */ }
}

export function startLive() {
	if (mark.dataset.follow !== undefined) follow();
	let hiddenAt = 0;
	document.addEventListener("visibilitychange", () => {
		if (document.hidden) {
			hiddenAt = Date.now();
			return;
		}
		wanted = false;
		refresh();
		if (stream === null && mark.dataset.follow !== undefined) follow();
	});
	setInterval(() => {
		if (document.hidden && stream && Date.now() - hiddenAt > 60000) { // a browser has few connections for an address
			stream.close();
			stream = null;
		}
		if (lost) missed();
		const gap = due || document.querySelector("[data-poll]") ? poll.quick : poll.slow;
		if (!document.hidden && Date.now() - last > gap) refresh();
	}, 500);
}
