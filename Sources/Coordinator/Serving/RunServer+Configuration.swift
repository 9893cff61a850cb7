import DifferentialExpression
import Scheduling
import WireProtocol

extension RunServer {
    /// What does not change while the run goes on.
    struct Configuration {
        var welcome: Welcome
        var expectation: HandshakeExpectation
        var resources: ServedResources
        var units: [UnitOfWork]
        var durable: Set<PerturbationIndex>
        /// Bytes that the control cells take in a worker that keeps them all; 0 when none reads them.
        var controlBytes = 0
        var policy = SchedulingPolicy()
        /// Bytes of rows that all workers together may have on the way.
        var rowsInFlightBytes: UInt64 = 512 << 20
        /// Bytes of resources that may wait on all links together.
        var chunksInFlightBytes: UInt64 = 512 << 20
        /// Names of the perturbations, by row, for people.
        var labels: [String] = []
        /// Whether nobody but the machines of the hosts file is expected to fit.
        var onlyHostsWork = false

        /// Fits that a worker has in progress at once: leases must not leave it short of them.
        func fitsAtOnce(of hello: Hello) -> Int {
            ControlPieces.fitsAtOnce(
                threads: Int(hello.threads),
                // A quarter of a worker's memory is for control cells.
                fitInMemory: controlBytes <= Int(clamping: hello.memoryBytes / 4)
            )
        }
    }
}
