// What the page's two examples put into it.

export const TEXT = `The boats were coming in, one after the other, and nobody on the pier had counted them yet.

def tokens_of(text: str) -> int:
    """Return what the provider would count, about."""
    return Estimator.for_model("claude-opus-5").estimate(text)

2026-11-25T10:41:08Z INFO request 7f3a9c took 182 ms, 1,204 tokens in, 88 out
Сначала посчитать, потом отправить.
`;

export const REQUEST = JSON.stringify({
  model: "claude-opus-5",
  max_tokens: 1024,
  system: "You answer questions about the weather. Be brief.",
  tools: [{
    name: "weather",
    description: "Tell the weather of a place.",
    input_schema: {
      type: "object",
      properties: {
        city: { type: "string", description: "The city, and its country where the name is not unique." },
        unit: { enum: ["celsius", "fahrenheit"], description: "The unit of the temperature." },
      },
      required: ["city"],
    },
  }],
  messages: [
    { role: "user", content: "Do I need an umbrella in Ulm today?" },
    { role: "assistant", content: [{ type: "tool_use", id: "t1", name: "weather", input: { city: "Ulm" } }] },
    { role: "user", content: [
      { type: "tool_result", tool_use_id: "t1", content: "Rain from noon on, 11 °C, wind from the west." },
      { type: "image", source: { type: "url", url: "https://example.org/radar.png" } },
    ] },
  ],
}, null, 2);
