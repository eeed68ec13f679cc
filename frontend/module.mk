$(call program,frontend,frontend,main.c,frontend/core frontend/http\
    frontend/tcp)
