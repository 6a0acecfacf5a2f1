"""The factory on Cloudflare: a Worker routes, one Durable Object per tenant remembers, decides and performs."""
