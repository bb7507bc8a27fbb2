/**
 * Chat templates: the Jinja templates of `tokenizer_config.json`, rendered.
 * @packageDocumentation
 */
export { type ChatMessage, type ChatTemplate, loadChatTemplate, type RenderOptions } from './chat/chat-template.ts'
export { TokenizerError } from './tokenizer-error.ts'
