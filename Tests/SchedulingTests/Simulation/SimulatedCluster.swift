import Scheduling

/// A message on a simulated link.
enum SimulatedMessage {
    case toScheduler(SchedulerEvent)
    case hello(SimulatedMachine)
    case fetch(ResourceDemand)
    case toSession(SessionEvent)
    case aliveToWorker
}

/// Something that happens at a point in time.
enum SimulatedOccurrence {
    case arrivesAtCoordinator(WorkerID, SimulatedMessage)
    case arrivesAtWorker(WorkerID, SimulatedMessage)
    case fitEnds(WorkerID, PerturbationIndex)
    case processDies(WorkerID, Departure)
    case machineStarts(Int)
    case workerTimer(WorkerID)
    case coordinatorTimer(epoch: Int)
    case commit(epoch: Int)
    case coordinatorStarts
    case coordinatorDies
    case drainRequested
    case workerKilled
    case linkBreaks
    case blackhole
    case stall(Double)
    case workerTerminated
    case linksClosed
}

/// Occurrences in order of time; those of one time in the order they were planned.
struct Agenda {
    private var heap: [(time: UInt64, order: UInt64, occurrence: SimulatedOccurrence)] = []
    private var planned: UInt64 = 0

    mutating func plan(_ occurrence: SimulatedOccurrence, at time: UInt64) {
        planned += 1
        heap.append((time, planned, occurrence))
        var child = heap.count - 1
        while child > 0, isEarlier(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func next() -> (time: UInt64, occurrence: SimulatedOccurrence)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                    if isEarlier(child, least) { least = child }
                }
                guard least != parent else { break }
                heap.swapAt(parent, least)
                parent = least
            }
        }
        return (first.time, first.occurrence)
    }

    private func isEarlier(_ left: Int, _ right: Int) -> Bool {
        (heap[left].time, heap[left].order) < (heap[right].time, heap[right].order)
    }
}

/// One worker process with its link.
final class SimulatedWorker {
    let machine: Int
    var session: WorkerSession
    var isRunning = true
    var lastHeard: UInt64
    /// The coordinator it is connected to.
    var epoch = 0
    var fits: Set<PerturbationIndex> = []
    var damagedBefore: Set<String> = []
    var carriesToCoordinator = true
    var carriesToWorker = true
    /// No message arrives before the one before it.
    var lastArrivalAtCoordinator: UInt64 = 0
    var lastArrivalAtWorker: UInt64 = 0
    var stalledUntil: UInt64 = 0

    init(machine: Int, threads: Int, now: UInt64) {
        self.machine = machine
        session = WorkerSession(threads: threads, prefetchBytes: 9000)
        lastHeard = now
    }
}

/// The scheduler and its workers on a simulated clock, network and disk.
final class SimulatedCluster {
    static let second: UInt64 = 1_000_000_000
    static let rowBytes: UInt64 = 1000

    let plan: SimulationPlan
    var random: SeededGenerator
    var judge: Judge
    var agenda = Agenda()
    var now: UInt64 = 0
    var workers: [WorkerID: SimulatedWorker] = [:]
    var lastSession: UInt64 = 0
    /// Nil while the coordinator is down.
    var scheduler: LeaseScheduler?
    var epoch = 0
    var uncommitted: [(perturbation: PerturbationIndex, worker: WorkerID)] = []
    var isSettled = false
    var settledSeconds = 0.0
    var eventCount = 0
    /// What happened, if asked for.
    var trace: [String] = []
    let keepsTrace: Bool

    init(plan: SimulationPlan, keepsTrace: Bool = false) {
        self.plan = plan
        self.keepsTrace = keepsTrace
        random = SeededGenerator(seed: plan.seed &+ 0x5EED)
        judge = Judge(plan: plan)
    }

    /// Runs to the end and returns what was wrong.
    func run() -> [String] {
        agenda.plan(.coordinatorStarts, at: 0)
        for machine in plan.machines.indices {
            agenda.plan(.machineStarts(machine), at: later(random.seconds(0...5)))
        }
        func schedule(_ times: [Double], _ occurrence: SimulatedOccurrence) {
            for time in times { agenda.plan(occurrence, at: later(time)) }
        }
        schedule(plan.processKills, .workerKilled)
        schedule(plan.linkBreaks, .linkBreaks)
        schedule(plan.blackholes, .blackhole)
        for stall in plan.stalls { agenda.plan(.stall(stall.length), at: later(stall.time)) }
        schedule(plan.terminations, .workerTerminated)
        schedule(plan.coordinatorDeaths, .coordinatorDies)
        schedule(plan.drains, .drainRequested)
        while let (time, occurrence) = agenda.next() {
            now = time
            note("\(occurrence)")
            happen(occurrence)
            guard judge.problems.isEmpty else { return judge.problems }
            guard now < 36_000 * Self.second else { break }
        }
        if isSettled {
            judge.closeAccount()
        } else {
            judge.complain("the run did not end")
        }
        if workers.values.contains(where: \.isRunning) {
            judge.complain("a worker did not leave at the end")
        }
        return judge.problems
    }

    func later(_ seconds: Double) -> UInt64 {
        now + UInt64(seconds * 1e9)
    }

    func note(_ text: @autoclosure () -> String) {
        guard keepsTrace else { return }
        trace.append("\(Double(now) / 1e9) s: \(text())")
    }

    private func happen(_ occurrence: SimulatedOccurrence) {
        switch occurrence {
        case .arrivesAtCoordinator(let worker, let message):
            coordinatorReceives(message, from: worker)
        case .arrivesAtWorker(let worker, let message):
            workerReceives(message, worker)
        case .fitEnds(let worker, let perturbation):
            fitEnds(worker, perturbation)
        case .processDies(let worker, let departure):
            processEnds(worker, departure)
        case .machineStarts(let machine):
            startWorker(on: machine)
        case .workerTimer(let worker):
            workerTimer(worker)
        case .coordinatorTimer(let epoch):
            coordinatorTimer(epoch)
        case .commit(let epoch):
            commit(epoch)
        case .coordinatorStarts:
            startCoordinator()
        case .coordinatorDies:
            if !isSettled { stopCoordinator() }
        case .drainRequested:
            tell(.drain)
        case .linksClosed:
            for worker in workers.keys.sorted() { closeLink(worker) }
        case .workerKilled, .linkBreaks, .blackhole, .stall, .workerTerminated:
            strikeRandomWorker(occurrence)
        }
    }

    private func strikeRandomWorker(_ fault: SimulatedOccurrence) {
        let running = workers.filter { $0.value.isRunning }.keys.sorted()
        guard let id = running.randomElement(using: &random), let worker = workers[id] else {
            return
        }
        switch fault {
        case .workerKilled:
            processEnds(id, .processDied("killed by signal 9"))
        case .linkBreaks:
            processEnds(id, .networkLost)
        case .blackhole:
            let which = Int.random(in: 0..<3, using: &random)
            if which != 1 { worker.carriesToCoordinator = false }
            if which != 2 { worker.carriesToWorker = false }
        case .stall(let length):
            worker.stalledUntil = later(length)
        case .workerTerminated:
            tell(id, .terminateRequested)
        default:
            break
        }
    }
}
