"""Where tests that need RabbitMQ, Redis or PostgreSQL get them."""
