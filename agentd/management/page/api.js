// Requests to this daemon, with the token that this tab may have.

const KEY = "agentd-token";
const TIMEOUT = 10_000;

export const token = () => sessionStorage.getItem(KEY) ?? "";
export const keepToken = (value) =>
  value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY);

export const headers = (more = {}) => (token() ? { Authorization: `Bearer ${token()}`, ...more } : more);

export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export async function refusal(answer) {
  const body = await answer.json().catch(() => null);
  return new Refused(
    answer.status,
    body?.error?.code ?? "",
    body?.error?.message ?? `the daemon answered ${answer.status} ${answer.statusText}`,
  );
}

async function request(method, path, body) {
  let answer;
  try {
    answer = await fetch(`/api/v1${path}`, {
      method,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      referrerPolicy: "no-referrer",
      headers: headers(body === undefined ? {} : { "Content-Type": "application/json" }),
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT),
    });
  } catch (error) {
    throw new Refused(0, "unreachable", `the daemon did not answer: ${error.message}`);
  }
  if (!answer.ok) throw await refusal(answer);
  return answer.json();
}

export const get = (path) => request("GET", path);
export const post = (path, body = {}) => request("POST", path, body);
export const jobPath = (id) => `/jobs/${encodeURIComponent(id)}`;
