FROM scratch
VOLUME /one /two
