// Fields of each wire format that are read elsewhere or add no tokens: all others are listed as unknown.

const names = (/** @type {string} */ text) => text.split(" ");

export const ANTHROPIC_NO_TOKENS = names(
  "model max_tokens stop_sequences stream temperature top_k top_p metadata service_tier cache_control"
  + " anthropic_version anthropic_beta betas inference_geo speed user_profile_id extra_headers extra_query"
  + " timeout");
export const ANTHROPIC_READ = names(
  "system messages tools tool_choice thinking output_config output_format container context_management"
  + " mcp_servers");
export const ANTHROPIC_OF_NO_BLOCK = names(
  "type cache_control id tool_use_id is_error caller signature toolu_id index");
export const ANTHROPIC_TOOL_FIELDS = names(
  "name description input_schema type cache_control strict defer_loading eager_input_streaming"
  + " allowed_callers");
export const CONVERSE_NO_TOKENS = names(
  "modelId inferenceConfig performanceConfig requestMetadata serviceTier additionalModelResponseFieldPaths"
  + " guardrailConfig schemaVersion");
export const CONVERSE_READ = names("system messages toolConfig outputConfig additionalModelRequestFields");
export const CHAT_NO_TOKENS = names(
  "model models max_tokens max_completion_tokens stop stream stream_options temperature top_p top_k n seed"
  + " random_seed logit_bias logprobs top_logprobs presence_penalty frequency_penalty parallel_tool_calls"
  + " reasoning_effort reasoning service_tier store metadata user modalities prompt_cache_key provider"
  + " transforms prompt_cache_options prompt_cache_retention safety_identifier verbosity usage enable_thinking"
  + " thinking chat_template_args chat_template_kwargs enable_search safe_prompt preset image_config audio"
  + " extra_headers extra_query timeout min_p repetition_penalty thinking_budget prompt_mode moderation"
  + " include_reasoning");
export const CHAT_READ = names(
  "messages tools functions tool_choice function_call response_format prediction web_search_options plugins"
  + " prompt");
export const CHAT_OF_NO_MESSAGE = names(
  "role content name tool_calls function_call tool_call_id reasoning_content reasoning reasoning_details"
  + " refusal annotations prefix audio id cache_control parsed function index");
export const CHAT_OF_NO_TOOL = names(
  "type function cache_control strict name description parameters eager_input_streaming");
export const RESPONSES_NO_TOKENS = [...CHAT_NO_TOKENS, ...names(
  "background include max_output_tokens max_tool_calls store truncation safety_identifier stream_options")];
export const RESPONSES_READ = names(
  "input instructions tools tool_choice text response_format previous_response_id conversation prompt"
  + " context_management messages");
export const RESPONSES_OF_NO_ITEM = names("type id status call_id role phase namespace execution");
export const GEMINI_NO_TOKENS = names(
  "model safetySettings generationConfig labels config httpOptions shouldReturnHttpResponse temperature topP"
  + " topK candidateCount maxOutputTokens stopSequences presencePenalty frequencyPenalty seed responseLogprobs"
  + " logprobs responseMimeType responseModalities mediaResolution speechConfig thinkingConfig imageConfig"
  + " routingConfig modelSelectionConfig audioTimestamp automaticFunctionCalling enableEnhancedCivicAnswers"
  + " modelArmorConfig serviceTier");
export const GEMINI_READ = names(
  "contents systemInstruction tools toolConfig cachedContent responseSchema responseJsonSchema"
  + " generateContentRequest");
export const GEMINI_OF_NO_PART = names("thought thoughtSignature videoMetadata mediaResolution partMetadata");
