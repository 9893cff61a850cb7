import Digests
import Scheduling

/// A message on a simulated link.
enum SimulatedMessage {
    case toScheduler(SchedulerEvent)
    case hello(SimulatedMachine, WorkerIdentity)
    case fetch(ResourceDemand)
    case toSession(SessionEvent)
    case endProcess
    case aliveToWorker
}

/// Something that happens at a point in time.
enum SimulatedOccurrence {
    case arrivesAtCoordinator(WorkerID, SimulatedMessage)
    case arrivesAtWorker(WorkerID, SimulatedMessage)
    case fitEnds(Int, PerturbationIndex)
    case processDies(Int, Departure)
    case hostDies(String)
    case machineStarts(Int)
    case connects(Int)
    case workerTimer(WorkerID)
    case coordinatorTimer(epoch: Int)
    case rowWritten(WorkerID, epoch: Int)
    case commit(epoch: Int)
    case coordinatorStarts
    case coordinatorDies
    case coordinatorPauses(Double)
    case diskFails
    case drainRequested
    case workerKilled
    case hostLost
    case linkBreaks
    case blackhole
    case stall(Double)
    case pause(Double)
    case slowdown
    case workerTerminated
    case linksClosed
}

/// One worker process.
final class SimulatedProcess {
    let number: Int
    let machine: Int
    var session: WorkerSession
    var isRunning = true
    var incarnation: UInt32 = 0
    /// The connection it has; nil while it looks for one.
    var link: WorkerID?
    var fits: Set<PerturbationIndex> = []
    /// Rows whose bytes it has.
    var rows: Set<PerturbationIndex> = []
    var pausedUntil: UInt64 = 0
    var patience: UInt64 = 0

    init(number: Int, machine: Int, threads: Int) {
        self.number = number
        self.machine = machine
        session = WorkerSession(threads: threads, prefetchBytes: 9000, comesBack: true)
    }

    var identity: WorkerIdentity {
        WorkerIdentity(
            process: Digest128(high: 9, low: UInt64(number)),
            incarnation: incarnation,
            offersRows: incarnation > 0
        )
    }
}

/// One connection of a process to one coordinator process.
final class SimulatedLink {
    let process: SimulatedProcess
    let epoch: Int
    var lastHeard: UInt64
    var damagedBefore: Set<String> = []
    var carriesToCoordinator = true
    var carriesToWorker = true
    /// No message arrives before the one before it.
    var lastArrivalAtCoordinator: UInt64 = 0
    var lastArrivalAtWorker: UInt64 = 0
    var stalledUntil: UInt64 = 0
    /// Rows that reached the coordinator, and those of them whose credit went back.
    var rowsReceived = 0
    var creditsReturned = 0
    var creditsDue = 0

    init(process: SimulatedProcess, epoch: Int, now: UInt64) {
        self.process = process
        self.epoch = epoch
        lastHeard = now
    }
}

/// The scheduler and its workers on a simulated clock, network and disk.
final class SimulatedCluster {
    static let second: UInt64 = 1_000_000_000
    static let rowBytes: UInt64 = 1000

    let plan: SimulationPlan
    /// The bug that is planted, if one is.
    let mutant: Mutant?
    var random: SeededGenerator
    var judge: Judge
    var agenda = Agenda()
    var now: UInt64 = 0
    var links: [WorkerID: SimulatedLink] = [:]
    var processes: [Int: SimulatedProcess] = [:]
    var lastLink: UInt64 = 0
    /// How much slower than planned each machine is.
    var slowness: [Int: Double] = [:]
    /// Nil while the coordinator is down.
    var scheduler: LeaseScheduler?
    var epoch = 0
    var pausedUntil: UInt64 = 0
    var uncommitted: [(perturbation: PerturbationIndex, worker: WorkerID)] = []
    /// Who else waits for a row to become durable.
    var keepers: [PerturbationIndex: [WorkerID]] = [:]
    /// What survives everything.
    var disk: Set<PerturbationIndex> = []
    var diskFailsNext = false
    var isSettled = false
    var settledSeconds = 0.0
    var tally = SimulationTally()
    /// What happened, if asked for.
    var trace: [String] = []
    let keepsTrace: Bool

    init(plan: SimulationPlan, mutant: Mutant? = nil, keepsTrace: Bool = false) {
        self.plan = plan
        self.mutant = mutant
        self.keepsTrace = keepsTrace
        random = SeededGenerator(seed: plan.seed &+ 0x5EED)
        judge = Judge(plan: plan)
    }

    /// Runs to the end and returns what was wrong.
    func run() -> [String] {
        planFaults()
        while let (time, occurrence) = agenda.next() {
            now = time
            judge.now = now
            if let later = standstill(occurrence), later > now {
                agenda.plan(occurrence, at: later)
                continue
            }
            note("\(occurrence)")
            happen(occurrence)
            guard judge.problems.isEmpty else { return judge.problems }
            guard now < 36_000 * Self.second else { break }
        }
        if isSettled {
            judge.closeAccount(disk: disk)
        } else {
            let open = (scheduler?.unsettledPerturbations ?? []).map { perturbation in
                "\(perturbation) \(scheduler?.phase(of: perturbation)?.rawValue ?? "")"
            }
            judge.complain("the run did not end; open: \(open)")
        }
        if processes.values.contains(where: \.isRunning) {
            judge.complain("a worker did not leave at the end")
        }
        return judge.problems
    }

    private func planFaults() {
        agenda.plan(.coordinatorStarts, at: 0)
        for machine in plan.machines.indices {
            agenda.plan(.machineStarts(machine), at: later(random.seconds(0...5)))
        }
        func schedule(_ times: [Double], _ occurrence: SimulatedOccurrence) {
            for time in times { agenda.plan(occurrence, at: later(time)) }
        }
        schedule(plan.processKills, .workerKilled)
        schedule(plan.hostLosses, .hostLost)
        schedule(plan.linkBreaks, .linkBreaks)
        schedule(plan.blackholes, .blackhole)
        schedule(plan.slowdowns, .slowdown)
        schedule(plan.diskErrors, .diskFails)
        schedule(plan.terminations, .workerTerminated)
        schedule(plan.coordinatorDeaths, .coordinatorDies)
        schedule(plan.drains, .drainRequested)
        for stall in plan.stalls { agenda.plan(.stall(stall.length), at: later(stall.time)) }
        for pause in plan.pauses { agenda.plan(.pause(pause.length), at: later(pause.time)) }
        for pause in plan.coordinatorPauses {
            agenda.plan(.coordinatorPauses(pause.length), at: later(pause.time))
        }
    }

    func later(_ seconds: Double) -> UInt64 {
        now + UInt64(seconds * 1e9)
    }

    func note(_ text: @autoclosure () -> String) {
        guard keepsTrace else { return }
        trace.append("\(Double(now) / 1e9) s: \(text())")
    }

    /// When a process that stands still can take part again in what would happen to it now.
    private func standstill(_ occurrence: SimulatedOccurrence) -> UInt64? {
        switch occurrence {
        case .arrivesAtCoordinator, .coordinatorTimer, .commit, .rowWritten, .drainRequested:
            pausedUntil
        case .arrivesAtWorker(let id, _), .workerTimer(let id):
            links[id]?.process.pausedUntil
        case .fitEnds(let number, _), .connects(let number):
            processes[number]?.pausedUntil
        default:
            nil
        }
    }

    private func happen(_ occurrence: SimulatedOccurrence) {
        switch occurrence {
        case .arrivesAtCoordinator(let worker, let message):
            coordinatorReceives(message, from: worker)
        case .arrivesAtWorker(let worker, let message):
            workerReceives(message, worker)
        case .fitEnds(let process, let perturbation):
            fitEnds(process, perturbation)
        case .processDies(let process, let departure):
            if let process = processes[process] { processEnds(process, departure) }
        case .hostDies(let host): hostDies(host)
        case .machineStarts(let machine):
            startProcess(on: machine)
        case .connects(let process):
            connect(process)
        case .workerTimer(let worker):
            workerTimer(worker)
        case .coordinatorTimer(let epoch):
            coordinatorTimer(epoch)
        case .rowWritten(let worker, let epoch):
            if epoch == self.epoch { returnCredit(worker, ofWrite: true) }
        case .commit(let epoch):
            commit(epoch)
        case .coordinatorStarts:
            startCoordinator()
        case .coordinatorDies:
            if !isSettled { stopCoordinator() }
        case .coordinatorPauses(let length):
            pausedUntil = later(length)
        case .diskFails:
            diskFailsNext = true
        case .drainRequested:
            judge.isDraining = true
            tell(.drain)
        case .linksClosed:
            for link in links.keys.sorted() { closeLink(link) }
        case .workerKilled, .hostLost, .linkBreaks, .blackhole, .stall, .pause, .slowdown,
            .workerTerminated:
            strikeRandomWorker(occurrence)
        }
    }

    private func strikeRandomWorker(_ fault: SimulatedOccurrence) {
        let running = processes.filter { $0.value.isRunning }.keys.sorted()
        guard let number = running.randomElement(using: &random), let process = processes[number]
        else { return }
        let link = process.link.flatMap { links[$0] }
        switch fault {
        case .workerKilled:
            processEnds(process, .processDied("killed by signal 9"))
        case .hostLost:
            hostDies(plan.machines[process.machine].host)
        case .linkBreaks:
            guard let id = process.link else { return }
            // A connection that is reset looks like the end of the process.
            let looks: Departure = random.chance(0.5) ? .networkLost : .processDied("reset")
            sendToCoordinator(.toScheduler(.workerLeft(id, looks)), over: id)
            tell(process, .linkClosed("reset"))
        case .blackhole:
            let which = Int.random(in: 0..<3, using: &random)
            if which != 1 { link?.carriesToCoordinator = false }
            if which != 2 { link?.carriesToWorker = false }
        case .stall(let length):
            link?.stalledUntil = later(length)
        case .pause(let length):
            process.pausedUntil = later(length)
        case .slowdown:
            slowness[process.machine] = 6
        case .workerTerminated:
            // One that never had a connection has nobody to take leave of.
            guard process.link != nil || process.incarnation > 0 else {
                return processEnds(process, .goodbye)
            }
            tell(process, .terminateRequested)
        default:
            break
        }
    }
}

/// How often the simulated parts did what a test wants to see.
struct SimulationTally {
    var events = 0
    var revokedUnits = 0
    var returnedUnits = 0
    var copies = 0
    var cancels = 0
    var rowsTakenAgain = 0
    var endedProcesses = 0
    var supersededSessions = 0
    var diskErrors = 0
    var stopsForFailure = 0

    mutating func add(_ other: SimulationTally) {
        events += other.events
        revokedUnits += other.revokedUnits
        returnedUnits += other.returnedUnits
        copies += other.copies
        cancels += other.cancels
        rowsTakenAgain += other.rowsTakenAgain
        endedProcesses += other.endedProcesses
        supersededSessions += other.supersededSessions
        diskErrors += other.diskErrors
        stopsForFailure += other.stopsForFailure
    }
}
