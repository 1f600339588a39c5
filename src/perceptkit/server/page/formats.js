// Numbers as people read them.

/** 0:07, 3:05 or 1:02:45; with `digits` also parts of a second: 0:07.32. */
export function clock(seconds, digits = 0) {
  const unit = 10 ** digits;
  const whole = Math.round(Math.max(0, seconds) * unit);
  const rest = ((whole % (60 * unit)) / unit).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  const minutes = Math.floor(whole / (60 * unit));
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

/** 812 B, 3.4 MB. */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let step = 0;
  while (bytes >= 999.5 && step < units.length - 1) {
    bytes /= 1000;
    step += 1;
  }
  return `${bytes < 9.95 && step ? bytes.toFixed(1) : Math.round(bytes)} ${units[step]}`;
}

/** About how long something still takes: "a few seconds left", "about 4 min left". */
export function left(seconds) {
  if (seconds < 8) return "a few seconds left";
  if (seconds < 55) return `about ${Math.ceil(seconds / 5) * 5} s left`;
  if (seconds < 3300) return `about ${Math.round(seconds / 60)} min left`;
  return `about ${(seconds / 3600).toFixed(1)} h left`;
}

/** A moment as its day and time; today only the time. */
export function moment(text) {
  const when = new Date(text);
  const time = when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (when.toDateString() === new Date().toDateString()) return time;
  return `${when.toLocaleDateString([], { day: "numeric", month: "short" })}, ${time}`;
}

/** "1 face", "3 faces". */
export function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}

/** A text as a sentence: its first word with a large letter unless it is a name as in talk.mp4, and a full stop. */
export function sentence(text) {
  const trimmed = String(text).trim();
  const begun = /^[a-z]+([ ,;:]|$)/.test(trimmed) ? trimmed.charAt(0).toUpperCase() + trimmed.slice(1) : trimmed;
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}
