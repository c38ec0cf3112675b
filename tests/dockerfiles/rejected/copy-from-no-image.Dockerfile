FROM scratch
COPY --from=Not:An:Image a /
