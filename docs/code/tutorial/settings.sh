pip install openai
export OPENAI_BASE_URL=https://api.deepseek.com OPENAI_API_KEY=sk-… LLM_MODEL=deepseek-v4-flash
