import Scheduling
import Transport
import WireProtocol

/// Answers to workers' requests for resources, as fast as all links together may take them.
extension RunServer {
    /// Answers what waits, workers in turn, while there is room.
    func serveChunks() {
        guard !chunks.isEmpty else { return }
        var waiting = connections.values.reduce(UInt64(0)) { $0 + UInt64($1.link.queuedBytes) }
        while let (id, request) = chunks.next(fitting: { request in
            // One chunk may always be on its way, whatever its size.
            waiting == 0 || waiting + UInt64(request.length) <= configuration.chunksInFlightBytes
        }) {
            do {
                send(try configuration.resources.answer(request), to: id)
                waiting += UInt64(request.length)
            } catch {
                stop(RunFailure(.inputOutput, "\(error)"))
                return
            }
        }
    }
}
