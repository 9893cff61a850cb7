import AnnData
import ComputeThreads
import DifferentialExpression
import Digests

/// Writes rows into the unpublished result on a thread of its own and makes them durable in groups.
///
/// A group is first saved in the result, then named in the journal, then reported durable. A failure
/// ends the writer: nothing after it is reported, so that a resumed run fits those rows again.
final class RowWriter: Sendable {
    /// A row whose length and digest were checked.
    struct Row: Sendable {
        var record: Journal.Record
        var bytes: [UInt8]
    }

    /// What the writer reports, from its own thread.
    enum Event: Sendable {
        /// The bytes of a row are in the file, though not yet on the disk; its credit is free.
        case written(UInt32, byteCount: Int)
        /// These rows and their journal records are on the disk.
        case durable([UInt32])
        /// Writing failed; no more events follow.
        case failed(RunFailure)
        /// The writer has ended as asked, everything written is durable.
        case ended
    }

    private enum Command: Sendable {
        case write(Row)
        case flush
        case end
    }

    private static let groupBytes = 64 << 20
    private static let groupMilliseconds = TimeScale.milliseconds(2000)

    private let inbox = Mailbox<Command>()
    private let ended = Mailbox<Void>()

    /// Starts the writer.
    ///
    /// - Parameters:
    ///   - rows: The unpublished result.
    ///   - schema: Layers of a row.
    ///   - journal: Journal of the run, used by the writer's thread alone from now on.
    ///   - hold: Checked before anything is journalled: the files may have been lost to another run.
    ///   - durable: Receives the digest of every row that became durable.
    ///   - report: Called on the writer's thread.
    init(
        rows: ResultRows,
        schema: RowSchema,
        journal: Journal,
        hold: RunHold,
        durable: DurableDigests,
        report: @escaping @Sendable (Event) -> Void
    ) {
        let state = WriterState(
            rows: rows,
            schema: schema,
            journal: journal,
            hold: hold,
            durable: durable,
            report: report
        )
        let inbox = inbox
        let ended = ended
        let box = TransferBox(state)
        startDetachedThread {
            guard let state = box.take() else { return }
            Self.run(state, inbox)
            ended.post(())
        }
    }

    /// Queues a row.
    func write(_ row: Row) { inbox.post(.write(row)) }

    /// Asks that everything queued so far becomes durable without delay.
    func flush() { inbox.post(.flush) }

    /// Asks the writer to make everything durable and end.
    func end() { inbox.post(.end) }

    /// Waits until the writer has ended, as asked or after a failure.
    func waitUntilEnded() { _ = ended.take() }

    private static func run(_ initial: WriterState, _ inbox: Mailbox<Command>) {
        var state = initial
        do throws(RunFailure) {
            while true {
                let wait = state.isClean ? nil : groupMilliseconds / 4
                for command in inbox.take(waitingAtMost: wait) {
                    switch command {
                    case .write(let row): try state.write(row)
                    case .flush: try state.commit()
                    case .end:
                        try state.commit()
                        state.report(.ended)
                        return
                    }
                }
                try state.commitIfDue(bytes: groupBytes, milliseconds: groupMilliseconds)
            }
        } catch {
            state.report(.failed(error))
        }
    }
}

/// What the writer's thread holds.
private struct WriterState {
    let rows: ResultRows
    let schema: RowSchema
    let journal: Journal
    let hold: RunHold
    let durable: DurableDigests
    let report: @Sendable (RowWriter.Event) -> Void
    private var pending: [Journal.Record] = []
    private var pendingBytes = 0
    private var oldest: UInt64 = 0

    init(
        rows: ResultRows,
        schema: RowSchema,
        journal: Journal,
        hold: RunHold,
        durable: DurableDigests,
        report: @escaping @Sendable (RowWriter.Event) -> Void
    ) {
        self.rows = rows
        self.schema = schema
        self.journal = journal
        self.hold = hold
        self.durable = durable
        self.report = report
    }

    var isClean: Bool { pending.isEmpty }

    mutating func write(_ row: RowWriter.Row) throws(RunFailure) {
        try RunFailure.wrapping { () throws(AnnDataWriteError) in
            try RowLayout(schema: schema).write(
                row.bytes,
                row: Int(row.record.perturbation),
                into: rows
            )
        }
        if pending.isEmpty { oldest = monotonicNanoseconds() }
        pending.append(row.record)
        pendingBytes += row.bytes.count
        report(.written(row.record.perturbation, byteCount: row.bytes.count))
    }

    mutating func commitIfDue(bytes: Int, milliseconds: Int) throws(RunFailure) {
        guard !pending.isEmpty else { return }
        let age = (monotonicNanoseconds() - oldest) / 1_000_000
        if pendingBytes >= bytes || age >= UInt64(milliseconds) { try commit() }
    }

    mutating func commit() throws(RunFailure) {
        guard !pending.isEmpty else { return }
        try RunFailure.wrapping { () throws(AnnDataWriteError) in try rows.synchronize() }
        FailPoint.pass("rows-saved")
        try hold.check()
        try journal.append(pending)
        FailPoint.pass("rows-journalled")
        durable.add(pending)
        report(.durable(pending.map(\.perturbation)))
        pending = []
        pendingBytes = 0
    }
}

/// Hands a value that is not shareable to the one thread that takes it.
///
/// `@unchecked`: the value is put in before the thread starts and taken out once.
private final class TransferBox<Value>: @unchecked Sendable {
    private var value: Value?

    init(_ value: Value) { self.value = value }

    func take() -> Value? {
        defer { value = nil }
        return value
    }
}
