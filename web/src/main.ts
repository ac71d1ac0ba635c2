import "./app.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { Prefs } from "./lib/prefs.svelte";
import { Router } from "./lib/router.svelte";

const prefs = new Prefs();
const router = new Router();
const target = document.getElementById("app")!;
target.replaceChildren();
mount(App, { target, props: { prefs, router } });
// Figures first, then the letters they are set in.
setTimeout(() => void import("./fonts.css"), 1_500);
