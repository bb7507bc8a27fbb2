/**
 * Chat formats: rendering of the Jinja templates in `tokenizer_config.json`, rendering and parsing of Harmony.
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
export {
  type HarmonyChannel,
  type HarmonyDeveloper,
  type HarmonyMessage,
  type HarmonyRole,
  type HarmonySystem,
  type HarmonyToken,
  type HarmonyTokenIds,
  type HarmonyTool,
  harmonyTokenIds,
  harmonyTokens,
  llmJp4Pieces,
} from './chat/harmony/message.ts'
export { type HarmonyDelta, HarmonyParser, type ParsedHarmonyMessage, parseHarmony } from './chat/harmony/parser.ts'
export {
  defaultHarmonySystem,
  type HarmonyEncoding,
  type HarmonyRenderOptions,
  harmonyIds,
  renderHarmony,
} from './chat/harmony/render.ts'
export { textTemplate } from './chat/text-template.ts'
export { TokenizerError } from './tokenizer-error.ts'
