// Comments that switch the type checker off for a line, an element or a file.

const IN_CODE = /@(?=(?:ts-(?:ignore|expect-error|nocheck)|vue-(?:ignore|skip|expect-error))\b)/gi
// In the root of a component any `@name value` sets an option of Vue's language
// tools; `@vue-generic` states a type.
const COMMENT = /<!--[\s\S]*?(?:-->|$)/g
const IN_COMMENT = /@(?!vue-generic\b)/g

// The same text, at the same offsets, without such comments.
export function withoutSuppressions(text) {
  return text.replace(IN_CODE, '_').replace(COMMENT, (comment) => comment.replace(IN_COMMENT, '_'))
}
