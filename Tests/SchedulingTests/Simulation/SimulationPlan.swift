import Scheduling

/// SplitMix64: the same numbers for the same seed on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed &* 0x9E37_79B9_7F4A_7C15
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func chance(_ probability: Double) -> Bool {
        Double.random(in: 0..<1, using: &self) < probability
    }

    mutating func seconds(_ range: ClosedRange<Double>) -> Double {
        Double.random(in: range, using: &self)
    }
}

/// What a perturbation does to those who fit it.
enum UnitNature: Equatable {
    /// Gives a row.
    case sound
    /// Ends the process that fits it.
    case killsProcess
    /// Ends the machine that fits it, with every worker on it: nobody reports how.
    case killsMachine
    /// Its fit never ends.
    case hangs
    /// Its fit never ends on one machine.
    case hangsOnMachine(Int)
    /// Its fit fails wherever it is tried.
    case alwaysFails
    /// Its fit fails on one machine only.
    case failsOnMachine(Int)
}

/// One computer of the simulated cluster; it runs one worker at a time.
struct SimulatedMachine {
    var host = ""
    let threads: Int
    let memoryBytes: UInt64
    /// Cost fitted per second and thread.
    let speed: Double
}

/// What goes wrong in one simulated run; drawn from the seed.
struct SimulationPlan {
    let seed: UInt64
    var units: [UnitOfWork] = []
    var natures: [UnitNature] = []
    var machines: [SimulatedMachine] = []
    /// When a random worker process is killed.
    var processKills: [Double] = []
    /// When a random link breaks at once.
    var linkBreaks: [Double] = []
    /// When a random link stops carrying, in one direction or both, for good.
    var blackholes: [Double] = []
    /// When a random link delays everything, and for how long.
    var stalls: [(time: Double, length: Double)] = []
    /// When every worker of a random machine vanishes.
    var hostLosses: [Double] = []
    /// When a random process stands still, and for how long.
    var pauses: [(time: Double, length: Double)] = []
    /// When the coordinator's process stands still, and for how long.
    var coordinatorPauses: [(time: Double, length: Double)] = []
    /// When a random machine becomes much slower, for good.
    var slowdowns: [Double] = []
    /// When the coordinator's disk refuses the next commit.
    var diskErrors: [Double] = []
    /// When a random worker is asked to leave.
    var terminations: [Double] = []
    /// When the coordinator dies and starts again from what is durable.
    var coordinatorDeaths: [Double] = []
    /// When the coordinator is asked to stop; it is started again afterwards.
    var drains: [Double] = []
    /// The share of messages that arrive twice.
    var duplication = 0.0
    /// The share of resources that arrive damaged at first.
    var damage = 0.0
    var maximumDelay = 0.05
    /// Three rows, so that rows often wait for credit.
    var rowCreditBytes: UInt64 = 3000
    /// Whether the fits of many perturbations fail in the same way, so that the run has to stop.
    var isHopeless = false

    /// Whether processes die only of units that kill: then nobody else may be quarantined.
    ///
    /// A unit that takes whole machines along may take others with it again and again.
    var isCalm: Bool {
        processKills.isEmpty && hostLosses.isEmpty && slowdowns.isEmpty
            && !natures.contains(.killsMachine)
            && linkBreaks.count + blackholes.count + stalls.count + pauses.count
                + coordinatorPauses.count <= 2
    }

    /// Perturbations that stop every worker that tries them.
    func isPoison(_ index: Int) -> Bool {
        switch natures[index] {
        case .killsProcess, .killsMachine, .hangs: true
        case .sound, .alwaysFails, .failsOnMachine, .hangsOnMachine: false
        }
    }

    init(seed: UInt64) {
        self.seed = seed
        var random = SeededGenerator(seed: seed)
        drawUnits(&random)
        drawMachines(&random)
        drawFaults(&random)
    }

    /// A run in which nothing goes wrong.
    init(units: [UnitOfWork], machines: [SimulatedMachine]) {
        seed = 1
        self.units = units
        self.machines = machines
        natures = Array(repeating: .sound, count: units.count)
        maximumDelay = 0.002
        rowCreditBytes = 1_000_000
    }

    private mutating func drawUnits(_ random: inout SeededGenerator) {
        let count = Int.random(in: 1...60, using: &random)
        let killers = random.chance(0.5) ? Int.random(in: 1...3, using: &random) : 0
        units = (0..<count).map { index in
            let size = random.seconds(0.2...8)
            return UnitOfWork(
                perturbation: PerturbationIndex(UInt32(index)),
                cost: size * (random.chance(0.1) ? 6 : 1),
                blockBytes: UInt64(size * 1000)
            )
        }
        natures = Array(repeating: .sound, count: count)
        for _ in 0..<killers {
            let victim = Int.random(in: 0..<count, using: &random)
            natures[victim] = random.chance(0.8) ? .killsProcess : .killsMachine
        }
        if random.chance(0.05) { natures[Int.random(in: 0..<count, using: &random)] = .hangs }
        if random.chance(0.2) {
            natures[Int.random(in: 0..<count, using: &random)] = .hangsOnMachine(0)
        }
        if count >= 40, random.chance(0.1) {
            isHopeless = true
            for index in 0..<count where random.chance(0.6) { natures[index] = .alwaysFails }
            return
        }
        if random.chance(0.3) {
            natures[Int.random(in: 0..<count, using: &random)] = .alwaysFails
        }
        if random.chance(0.3) {
            natures[Int.random(in: 0..<count, using: &random)] = .failsOnMachine(0)
        }
    }

    private mutating func drawMachines(_ random: inout SeededGenerator) {
        let count = Int.random(in: 1...6, using: &random)
        machines = (0..<count).map { index in
            SimulatedMachine(
                host: "host \(index / 2)",
                threads: Int.random(in: 1...8, using: &random),
                memoryBytes: random.chance(0.2) ? 6000 : 1_000_000,
                speed: random.chance(0.2) ? 0.1 : random.seconds(0.7...1.5)
            )
        }
    }

    private mutating func drawFaults(_ random: inout SeededGenerator) {
        func times(_ probability: Double, _ most: Int) -> [Double] {
            guard random.chance(probability) else { return [] }
            let count = Int.random(in: 1...most, using: &random)
            return (0..<count).map { _ in random.seconds(0...90) }
        }
        processKills = times(0.3, 8)
        linkBreaks = times(0.3, 5)
        blackholes = times(0.3, 3)
        stalls = times(0.3, 3).map { ($0, random.seconds(1...150)) }
        hostLosses = times(0.2, 3)
        pauses = times(0.2, 3).map { ($0, random.seconds(1...120)) }
        coordinatorPauses = times(0.1, 2).map { ($0, random.seconds(1...100)) }
        slowdowns = times(0.2, 2)
        diskErrors = times(0.1, 2)
        terminations = times(0.3, 4)
        coordinatorDeaths = times(0.15, 2)
        drains = times(0.15, 2)
        duplication = random.chance(0.5) ? 0.1 : 0
        damage = random.chance(0.3) ? 0.05 : 0
        maximumDelay = random.chance(0.3) ? 2 : 0.05
    }
}
