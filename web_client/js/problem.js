/** The service is away or has no place: it is not the picture's fault, and waiting helps. */
const WAITED_FOR = new Set(["busy", "unavailable", "network"]);

const RETRYABLE = new Set([
  ...WAITED_FOR,
  "internal_error",
  "model_gone",
  "incomplete_body",
  "timeout",
  "cancelled",
  "bad_answer",
  "unexpected",
]);

const ASKING_FOR_KEY = new Set(["unauthorized", "wrong_key"]);

/**
 * What kept a picture from its answer, as a word that strings.js has a sentence for in each
 * language. It keeps the word, not the sentence, so that the language can change afterwards.
 */
export class Problem extends Error {
  /** `values` fill the sentence's placeholders. */
  constructor(type, values = {}) {
    super(type);
    this.type = type;
    this.values = values;
  }

  /** Whether sending the same picture again can help. */
  get retryable() {
    return RETRYABLE.has(this.type);
  }

  /** Whether it goes away by itself. */
  get passes() {
    return WAITED_FOR.has(this.type);
  }

  /** Whether it takes an access key to go on. */
  get asksForKey() {
    return ASKING_FOR_KEY.has(this.type);
  }
}
