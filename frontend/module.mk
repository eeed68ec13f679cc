$(call program,frontend,frontend,main.c,frontend/core frontend/tcp)
