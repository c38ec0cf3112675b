ARG V=1
FROM scratch
ARG V
ARG OTHER="two words"
LABEL v=$V other=$OTHER
