/**
 * Omboka's client: follows one rebooking over a WebSocket, resumes after a broken connection, and sends commands.
 * No dependencies, no build step. The interface is described at /docs.
 *
 * @typedef {{type: "event", seq: number, at: string, command_id: string|null, name: string, final: boolean,
 *   data: {section?: string, value?: object, choices?: object, sections?: object, outcome?: object}}} OmbokaEvent
 * @typedef {{type: string, title: string, status: number, detail: string, errors?: object[]}} Problem
 * @typedef {object} Options
 * @property {string} rebooking The rebooking's id.
 * @property {string} [base] The gateway's address; its own origin when left out.
 * @property {number} [after] The last seq that is known already.
 * @property {() => Record<string, string>} [headers] What goes along on each request: Authorization or X-CSRF-Token.
 * @property {typeof WebSocket} [socket] The WebSocket to use; tests give their own.
 * @property {typeof fetch} [fetch] The fetch to use; tests give their own.
 * @property {(seconds: number, again: () => void) => void} [later] How to wait; tests give their own.
 */

/** Close codes after which trying again is of no use: origin, unknown, gone. */
const FINAL = new Set([4403, 4404, 4410]);
/** Sockets that never opened, in a row, before the client asks with long polls instead. */
const SOCKETS_TRIED = 3;
const LONGEST_WAIT = 30;

/**
 * How long to wait before trying again, in seconds: doubling, with chance, at most half a minute.
 * @param {number} tries @param {number} [chance]
 */
export function backoff(tries, chance = Math.random()) {
  return Math.min(LONGEST_WAIT, 0.5 * 2 ** tries) * (0.5 + chance / 2);
}

/**
 * One rebooking, followed. Dispatches `event` (detail: OmbokaEvent), `resync` (fetch the snapshot),
 * `problem` (detail: {id, problem}), `state` (detail: "live"|"waiting"|"polling"|"ended").
 */
export class OmbokaClient extends EventTarget {
  /** @param {Options} options */
  constructor(options) {
    super();
    this.path = `${options.base ?? ""}/v1/rebookings/${options.rebooking}`;
    this.seq = options.after ?? 0;
    this.headers = options.headers ?? (() => ({}));
    this.Socket = options.socket ?? globalThis.WebSocket;
    this.fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.later = options.later ?? ((seconds, again) => void setTimeout(again, seconds * 1000));
    this.tries = 0;
    this.neverOpened = 0;
    this.ended = false;
    this.ws = null;
  }

  /** Begin to follow, and go on until `close`. */
  async connect() {
    if (this.ended) return;
    if (this.neverOpened >= SOCKETS_TRIED) return this.#poll();
    let answer;
    try {
      answer = await this.fetch(`${this.path}/ticket`, { method: "POST", headers: this.headers() });
    } catch {
      return this.#again();
    }
    if (!answer.ok) return [401, 403, 404, 410].includes(answer.status) ? this.#end() : this.#again();
    this.#open((await answer.json()).ticket);
  }

  /** Stop following. */
  close() {
    this.#end();
    this.ws?.close();
  }

  /**
   * Send a command over HTTP. The same id again is the same command.
   * @param {string} name @param {object} [content] @param {string} [id]
   * @returns {Promise<{command_id: string, seq: number}>} Rejects with a Problem.
   */
  async command(name, content = {}, id = crypto.randomUUID()) {
    const answer = await this.fetch(`${this.path}/commands`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...this.headers() },
      body: JSON.stringify({ id, name, ...content }),
    });
    const body = await answer.json();
    if (!answer.ok) throw body;
    return body;
  }

  /**
   * The snapshot as it stands.
   * @param {string} [query]
   * @returns {Promise<{id: string, seq: number, [more: string]: unknown}>} Rejects with a Problem.
   */
  async snapshot(query = "") {
    const answer = await this.fetch(this.path + query, { headers: this.headers() });
    const body = await answer.json();
    if (!answer.ok) throw body;
    return body;
  }

  /** @param {string} ticket */
  #open(ticket) {
    const address = new URL(`${this.path}/stream`, globalThis.location?.href);
    address.protocol = address.protocol.replace("http", "ws");
    const ws = new this.Socket(address.href, "omboka.v1");
    let opened = false;
    this.ws = ws;
    ws.onopen = () => {
      opened = true;
      this.neverOpened = 0;
      ws.send(JSON.stringify({ type: "hello", after: this.seq, ticket }));
      this.#tell("state", "live");
    };
    ws.onmessage = (message) => {
      this.tries = 0;
      this.#take(JSON.parse(message.data));
    };
    ws.onclose = ({ code }) => {
      if (!opened) this.neverOpened += 1;
      if (this.ended) return;
      if (FINAL.has(code)) this.#end();
      else this.#again();
    };
  }

  /** @param {OmbokaEvent | {type: "resync" | "problem"}} frame */
  #take(frame) {
    if (frame.type === "event" && frame.seq > this.seq) {
      this.seq = frame.seq;
      this.#tell("event", frame);
    } else if (frame.type === "resync" || frame.type === "problem") {
      this.#tell(frame.type, frame);
    }
  }

  async #poll() {
    this.#tell("state", "polling");
    try {
      const { seq } = await this.snapshot(`?wait=25&after=${this.seq}`);
      this.tries = 0;
      if (seq > this.seq) {
        this.seq = seq;
        this.#tell("resync", {});
      }
    } catch (error) {
      const problem = /** @type {Partial<Problem> | null} */ (error);
      if ([401, 403, 404, 410].includes(problem?.status ?? 0)) return this.#end();
      return this.#again();
    }
    this.later(0, () => this.connect());
  }

  #again() {
    this.#tell("state", "waiting");
    this.later(backoff(this.tries++), () => this.connect());
  }

  #end() {
    if (this.ended) return;
    this.ended = true;
    this.#tell("state", "ended");
  }

  /** @param {"event" | "resync" | "problem" | "state"} name @param {unknown} detail */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
