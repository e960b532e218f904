// The pages are whole without this. It keeps them up to date, and makes their buttons work.
import { startClock } from "./clock.js";
import { startLive } from "./live.js";
import { startActions } from "./act.js";
import { startFilter } from "./filter.js";
import { startKeys } from "./keys.js";
import { startPolicy } from "./policy.js";
import { startStacks } from "./stacks.js";
import { startTheme } from "./switch.js";

startClock();
startTheme();
startActions();
startPolicy();
startStacks();
startFilter();
startKeys();
startLive();
