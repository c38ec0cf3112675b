FROM scratch
ENV A=1
COPY --from=0 a /
