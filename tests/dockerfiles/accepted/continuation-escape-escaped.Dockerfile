FROM scratch
ENV A=c:\\
ENV B=1
