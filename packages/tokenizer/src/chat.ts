/**
 * Conversations: the Jinja templates of `tokenizer_config.json`, rendered; Harmony, rendered and parsed.
 * @packageDocumentation
 */
export { type BuiltInTemplate, type BuiltInTemplateName, builtInTemplates } from './chat/built-in-templates.ts'
export { type ChatEncoder, chatEncoder, type SpelledEncoding } from './chat/chat-encoder.ts'
export {
  type AppliedChat,
  type ApplyOptions,
  builtInTemplate,
  type ChatMessage,
  ChatTemplate,
  configuredTokens,
  loadChatTemplate,
  type RenderOptions,
  type TrainingChat,
} from './chat/chat-template.ts'
export type { TextSpan } from './chat/generation-marks.ts'
export { TokenizerError } from './tokenizer-error.ts'
