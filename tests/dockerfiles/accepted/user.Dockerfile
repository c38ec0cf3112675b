FROM scratch
USER 1000:1000
USER ${NAME:-nobody}
