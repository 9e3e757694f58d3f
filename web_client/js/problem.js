const RETRYABLE = new Set([
  "busy",
  "unavailable",
  "internal_error",
  "incomplete_body",
  "network",
  "timeout",
  "bad_answer",
  "unexpected",
]);

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
}
