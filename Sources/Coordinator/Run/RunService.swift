import ChildProcesses
import ComputeThreads
import CountBlocks
import DifferentialExpression
import Digests
import Foundation
import Glibc
import Logging
import NodeTopology
import RunFiles
import Scheduling
import Synchronization
import Transport
import WireProtocol

/// Sets up everything that serving needs, serves, and takes it down again.
struct RunService {
    let request: RunRequest
    let placements: [ChildPlacement]
    let directory: RunDirectory
    let schema: RowSchema
    let fingerprint: Fingerprint
    let screen: LoadedScreen
    let log: Logger
    let display: ProgressDisplay
    let signals: RunSignals
    let monitor: RunMonitor

    /// How serving ended and the digest of every durable row.
    struct Served {
        let outcome: ServeOutcome
        let digests: [UInt32: Digest128]
    }

    private static let heartbeatMilliseconds = TimeScale.milliseconds(5000)
    private static let silenceMilliseconds = TimeScale.milliseconds(60_000)

    /// Serves until every row is durable or given up, or the run is stopped.
    func run(_ state: Continuation) throws(RunFailure) -> Served {
        let mailbox = Mailbox<ServeEvent>()
        signals.deliver(to: mailbox)
        defer { signals.deliver(to: nil) }
        let loops = EventLoops()
        let numbers = ConnectionNumbers()
        var random = SystemRandomNumberGenerator()
        let runID = Bytes16.randomUUID(using: &random)
        let durable = DurableDigests(state.digests)
        let writer = RowWriter(
            rows: state.rows,
            schema: schema,
            journal: state.journal,
            hold: state.hold,
            durable: durable
        ) { mailbox.post(.writer($0)) }
        let workers =
            placements.isEmpty
            ? nil
            : try LocalWorkers(
                placements: placements,
                arguments: workerArguments,
                loops: loops,
                mailbox: mailbox,
                numbers: numbers,
                log: log
            )
        let listener = try request.listen.map { address throws(RunFailure) in
            try WorkerListener(
                address,
                security: request.security,
                directory: directory,
                runID: runID,
                loops: loops,
                mailbox: mailbox,
                numbers: numbers,
                log: log
            )
        }
        let hosts = listener.flatMap { listener in
            request.hosts.isEmpty
                ? nil
                : HostWorkers(
                    hosts: request.hosts,
                    listener: listener,
                    runDirectory: request.dataPlane == .shared ? directory.path : nil,
                    format: request.logFormat,
                    mailbox: mailbox,
                    log: log
                )
        }
        let display = display
        let events = try EventLog(directory.eventsPath)
        noteStart(events, resumed: state.digests.count)
        var configuration = try self.configuration(state, runID)
        if let control = configuration.resources.control {
            // Prepared control values take up to about 24 bytes a nonzero.
            configuration.controlBytes = control.pieces.tiles.reduce(0) {
                $0 + 24 * $1.nonzeroCount
            }
        }
        configuration.policy.silence = .milliseconds(Self.silenceMilliseconds)
        configuration.policy.fitTimeout = request.fitTimeout
        configuration.policy.stragglerAge = .milliseconds(TimeScale.milliseconds(60_000))
        configuration.policy.hostLossWindow = .milliseconds(TimeScale.milliseconds(5000))
        configuration.rowsInFlightBytes = UInt64(request.memory.inFlight)
        configuration.chunksInFlightBytes = UInt64(request.memory.inFlight)
        configuration.labels = screen.plan.perturbations
        if request.dataPlane == .shared { try share(configuration.resources, runID) }
        configuration.onlyHostsWork = hosts != nil && workers == nil && !request.expectsOthers
        let server = RunServer(
            configuration: configuration,
            mailbox: mailbox,
            writer: writer,
            localWorkers: workers,
            hostWorkers: hosts,
            events: events,
            log: log,
            monitor: monitor,
            progress: { display.show("fitting", $0, unit: "perturbations") }
        )
        let outcome = server.run()
        events.note("ended", ["how": "\(outcome.description)"])
        if let control = configuration.resources.control {
            let pieces = control.pieces.tiles.count + control.pieces.cellRuns.count
            events.note("control_pieces", ["pieces": "\(pieces)", "sent": "\(control.sentCount)"])
        }
        events.note("resources_sent", ["chunks": "\(configuration.resources.sentCount)"])
        listener?.close()
        // Who was not done in time for a signal is not waited for again.
        workers?.endAll(patience: outcome.isSignalled ? .seconds(1) : .seconds(10))
        hosts?.endAll()
        writer.end()
        writer.waitUntilEnded()
        // Links close with their peers; what is left is closed by the loops.
        _ = try? waitFor { try await loops.shutdown() }
        return Served(outcome: outcome, digests: durable.all)
    }

    /// Writes down what a later `status` has to know.
    private func noteStart(_ events: EventLog, resumed: Int) {
        var fields = [
            "host": ProcessInfo.processInfo.hostName, "process": "\(getpid())",
            "method": request.options.method.rawValue, "input": URL(filePath: request.input).path,
            "output": request.output, "perturbations": "\(screen.plan.testedGroups.count)",
            "began": monitor.startedAt, "resumed": "\(resumed)",
            "directory": FileManager.default.currentDirectoryPath,
            "command": ResumeCommand(words: request.commandLine, isForced: request.force).text,
        ]
        fields["status"] = monitor.endpoint
        events.note("started", fields)
    }

    /// Leaves every resource in the run directory, for workers that see it.
    private func share(
        _ resources: ServedResources,
        _ runID: Bytes16
    ) throws(RunFailure) {
        let writer = try RunFailure.wrappingFiles {
            try ResourceFileWriter(directory: directory.path, runID: "\(runID)")
        }
        try resources.write(to: writer)
        _ = try RunFailure.wrappingFiles { try writer.finish() }
    }

    private var workerArguments: [String] {
        let share = max(request.memory.workers / max(placements.count, 1), 1 << 20)
        return ["--memory-limit", "\(share)", "--log-format", "text", "--quiet"]
            + (request.dataPlane == .shared ? ["--run-dir", directory.path] : [])
    }

    private func configuration(
        _ state: Continuation,
        _ runID: Bytes16
    ) throws(RunFailure) -> RunServer.Configuration {
        let genes = screen.genes.count
        let rowBytes = UInt64(schema.rowByteCount(geneCount: genes))
        let resources = try resources(state.global)
        let optionsDigest = fingerprint.optionsJSON.withUnsafeBytes { Digest128(of: $0) }
        return RunServer.Configuration(
            welcome: Welcome(
                protocolMinor: ProtocolVersion.minor,
                runID: runID,
                inputFingerprint: Bytes16(fingerprint.digest),
                optionsDigest: Bytes16(optionsDigest),
                optionsJSON: fingerprint.optionsJSON,
                rowSchemaVersion: schema.version,
                method: request.options.method.rawValue,
                geneCount: UInt32(genes),
                rowBytes: rowBytes,
                heartbeatMilliseconds: UInt32(Self.heartbeatMilliseconds),
                silenceMilliseconds: UInt32(Self.silenceMilliseconds),
                rowCreditBytes: max(16 << 20, 2 * rowBytes),
                resources: resources.common
            ),
            expectation: HandshakeExpectation(build: BuildIdentity.current, runID: runID),
            resources: resources,
            units: units(genes),
            durable: Set(state.digests.keys.map { PerturbationIndex($0) })
        )
    }

    /// What workers may fetch.
    func resources(_ global: GlobalResult) throws(RunFailure) -> ServedResources {
        var common = [(name: ServedResources.controlCache, bytes: global.cache.encoded())]
        if !global.sizeFactors.isEmpty {
            var factors: [UInt8] = []
            factors.append(littleEndian: global.sizeFactors)
            common.append((ServedResources.sizeFactors, factors))
        }
        if request.options.method == .nbGLM, request.options.fitPath == .fullDesign {
            common.append((ServedResources.covariates, screen.covariates.encoded()))
        }
        return ServedResources(
            common: common,
            blocks: screen.counts.blocks,
            groupOfPerturbation: screen.plan.testedGroups,
            control: try servedControl(),
            inputs: request.earlier.map { earlier in
                (earlier.inputBytes, { try earlier.input(row: $0) })
            }
        )
    }

    /// The control cells in pieces, for methods whose fits read them.
    private func servedControl() throws(RunFailure) -> ServedControl? {
        guard request.options.readsControlCells else { return nil }
        let tiler = ControlTiler(
            screen: screen.counts,
            memoryBytes: request.memory.servedTiles,
            scratchDirectory: request.scratchDirectory
        )
        let tiled = try RunFailure.wrapping { () throws(CountBlockError) in
            try tiler.run(tileNonzeros: request.memory.workers / 64)
        }
        return ServedControl(
            tiled,
            blocks: screen.counts.blocks,
            group: screen.plan.controlGroup
        )
    }

    /// The perturbations as work: cost grows with the cells times genes and with the nonzeros.
    func units(_ genes: Int) -> [UnitOfWork] {
        screen.plan.testedGroups.enumerated().map { row, group in
            let block = screen.counts.blocks.blocks[group]
            return UnitOfWork(
                perturbation: PerturbationIndex(UInt32(row)),
                cost: Double(block.cellCount * genes) + 4 * Double(block.nonzeroCount),
                blockBytes: UInt64(block.byteCount)
            )
        }
    }
}

/// The digests of durable rows, added to by the writer's thread and read when it has ended.
final class DurableDigests: Sendable {
    private let digests: Mutex<[UInt32: Digest128]>

    init(_ initial: [UInt32: Digest128]) {
        digests = Mutex(initial)
    }

    func add(_ records: [Journal.Record]) {
        digests.withLock { digests in
            for record in records { digests[record.perturbation] = record.digest }
        }
    }

    var all: [UInt32: Digest128] { digests.withLock { $0 } }
}
